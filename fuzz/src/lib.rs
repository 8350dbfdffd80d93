//! What is fuzzed, and what must be true of it. See README.md.

pub mod properties;
