//! A local Kubernetes control plane and a running kubelease, for tests and for the first five minutes.
