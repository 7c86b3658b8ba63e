//! SASL (RFC 4422): which mechanism, and its exchange of messages. Carries plain octets; base64 and continuation lines are
//! the protocol's. One exchange is one attempt: nothing here tries again or falls back.

mod choose;
mod exchange;
mod mechanism;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use choose::{ChooseError, Have, choose};
pub use exchange::{Exchange, MAX_CHALLENGE, MAX_ROUNDS, SaslError};
pub use mechanism::Mechanism;
