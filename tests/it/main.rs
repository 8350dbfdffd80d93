//! Black-box tests: one binary, one harness.
