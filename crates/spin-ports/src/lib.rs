//! The ports of kubelease on Spin: key-value, outbound HTTP, time, entropy, variables.
