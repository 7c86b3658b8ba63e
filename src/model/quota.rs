//! What the server says about space.

/// One limited resource of the account (RFC 9208 §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The quota root's name, as the server spells it.
    pub root: String,
    /// `STORAGE` (in units of 1024 octets), `MESSAGE` (a count), or another name.
    pub resource: String,
    /// What is used.
    pub used: u64,
    /// What is allowed.
    pub limit: u64,
}
