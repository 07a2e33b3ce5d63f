//! What Kubernetes and the built components say: tests against the real parts.
