//! Modified UTF-7, the coding of folder names (RFC 3501 §5.1.3).
//!
//! Strict in both directions: a name is decoded only if encoding gives back the same octets. So two names of the server
//! never become one folder here, and `&AC8-` cannot smuggle a `/`. What is not accepted is kept raw by the caller.
//! (The crate utf7-imap panics on malformed names.)

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

/// `NO_PAD` also refuses non-zero trailing bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// The octets are no canonical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("folder name is not in canonical modified UTF-7")]
pub struct NameError;

/// Reads a name of the wire: plain UTF-8 once UTF8=ACCEPT is enabled, modified UTF-7 otherwise.
pub fn decode_name(raw: &[u8], utf8: bool) -> Result<String, NameError> {
    if utf8 { String::from_utf8(raw.to_vec()).map_err(|_| NameError) } else { decode(raw) }
}

/// Writes a name for the wire, the inverse of [`decode_name`].
pub fn encode_name(name: &str, utf8: bool) -> Vec<u8> {
    if utf8 { name.as_bytes().to_vec() } else { encode(name) }
}

/// What stands for itself. `&` does not, see below.
fn is_direct(unit: u16) -> bool {
    (0x20..=0x7e).contains(&unit)
}

fn decode(raw: &[u8]) -> Result<String, NameError> {
    let mut name = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut after_shift = false;
    while let Some((&octet, tail)) = rest.split_first() {
        if octet != b'&' {
            if !is_direct(octet.into()) {
                return Err(NameError);
            }
            name.push(octet.into());
            (rest, after_shift) = (tail, false);
            continue;
        }
        let end = memchr::memchr(b'-', tail).ok_or(NameError)?;
        if end == 0 {
            name.push('&');
            after_shift = false;
        } else {
            // Two shifted runs in a row are one run written badly.
            if after_shift {
                return Err(NameError);
            }
            shifted(&tail[..end], &mut name)?;
            after_shift = true;
        }
        rest = &tail[end + 1..];
    }
    Ok(name)
}

fn shifted(text: &[u8], name: &mut String) -> Result<(), NameError> {
    let octets = BASE64.decode(text).map_err(|_| NameError)?;
    let (pairs, odd) = octets.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(NameError);
    }
    for unit in char::decode_utf16(pairs.iter().map(|&pair| u16::from_be_bytes(pair))) {
        let unit = unit.map_err(|_| NameError)?;
        // Printable ASCII in base64: not minimal, and the way to hide `../`.
        if (' '..='~').contains(&unit) {
            return Err(NameError);
        }
        name.push(unit);
    }
    Ok(())
}

fn encode(name: &str) -> Vec<u8> {
    let mut raw = Vec::with_capacity(name.len());
    let mut run = Vec::new();
    for unit in name.encode_utf16() {
        if is_direct(unit) {
            flush(&mut run, &mut raw);
            raw.push(unit as u8);
            if unit == u16::from(b'&') {
                raw.push(b'-');
            }
        } else {
            run.extend_from_slice(&unit.to_be_bytes());
        }
    }
    flush(&mut run, &mut raw);
    raw
}

fn flush(run: &mut Vec<u8>, raw: &mut Vec<u8>) {
    if !run.is_empty() {
        raw.push(b'&');
        raw.extend_from_slice(BASE64.encode(&*run).as_bytes());
        raw.push(b'-');
        run.clear();
    }
}
