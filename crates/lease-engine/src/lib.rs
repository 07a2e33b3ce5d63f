//! Issues leases and takes them back, step by step.
