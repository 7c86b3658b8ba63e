//! Bytes ↔ meaning, sans-I/O. Imports nothing of ours.

use std::fmt::Write as _;

pub mod eas;
pub mod imap;
pub mod pop3;
pub mod sasl;
pub mod smtp;
pub mod wbxml;

#[cfg(test)]
mod tests;

/// Lower-case hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}"); // a String takes everything
        digits
    })
}
