//! Where definitions and leases are kept: records over a key-value port.
