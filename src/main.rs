//! The mailx binary.
fn main() {}
