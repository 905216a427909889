//! Purser.
fn main() {}
