//! The requests kubelease makes of the Kubernetes API, and the answers it reads.
