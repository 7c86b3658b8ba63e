//! Who gets a letter, as its header says, and whom it must say besides.

use mail_parser::{HeaderName, HeaderValue, MessageParser};

use crate::backend::Outgoing;
use crate::backend::eas::limits;
use crate::backend::eas::session::cut;
use crate::model::{Address, Result};

/// The header block of a message; `None` where it has no end within bounds.
pub(super) async fn header_of(message: &dyn Outgoing) -> Result<Option<Vec<u8>>> {
    let (mut pieces, mut header) = (message.open().await?, Vec::new());
    while let Some(piece) = pieces.next().await? {
        header.extend_from_slice(&piece);
        if header.starts_with(b"\r\n") {
            return Ok(Some(Vec::new()));
        }
        if let Some(at) = memchr::memmem::find(&header, b"\r\n\r\n") {
            header.truncate(at + 4);
            return Ok(Some(header));
        }
        if header.len() > limits::HEADER {
            return Ok(None);
        }
    }
    Ok(Some(header))
}

/// Who of the envelope's recipients `to` must be named in a Bcc, because the header block names them nowhere. An error says in words whom the
/// header names and the envelope does not: a server that goes by the header would send it to them.
pub fn blind(header: &[u8], to: &[Address]) -> Result<Vec<Address>, String> {
    let mut named: Vec<Address> = Vec::new();
    // What has no header at all names nobody.
    let message = MessageParser::default().parse_headers(header);
    let fields = message.as_ref().filter(|message| !message.parts.is_empty()).map(mail_parser::Message::headers).unwrap_or_default();
    for field in fields.iter().filter(|field| matches!(field.name, HeaderName::To | HeaderName::Cc | HeaderName::Bcc)) {
        let HeaderValue::Address(list) = &field.value else { continue };
        for person in list.iter() {
            let Some(text) = person.address.as_deref().or(person.name.as_deref()).map(str::trim).filter(|text| !text.is_empty()) else {
                continue;
            };
            let address = Address::parse(text).ok().filter(|address| to.iter().any(|known| known.is_same(address)));
            let Some(address) = address else {
                let field = field.name.as_str();
                return Err(format!(
                    "its {field} names {}, who is not among those it is sent to; by ActiveSync the header says who gets a message",
                    cut(text)
                ));
            };
            named.push(address);
        }
    }
    Ok(to.iter().filter(|to| !named.iter().any(|named| named.is_same(to))).cloned().collect())
}

/// The field that names them; nothing where there is nobody.
pub(super) fn blind_line(blind: &[Address]) -> Vec<u8> {
    if blind.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = blind.iter().map(Address::as_str).collect();
    format!("Bcc: {}\r\n", names.join(",\r\n ")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<Address> {
        list.iter().map(|text| Address::parse(text).unwrap()).collect()
    }

    #[test]
    fn whom_no_header_names_is_blind() {
        let header = b"From: me@x\r\nTo: A <a@x>, group: b@x;\r\ncc: \"C, D\" <c@X>\r\nTo: d@x\r\n\r\n";
        let all = addresses(&["a@x", "b@x", "c@x", "d@x", "e@x", "f@x"]);
        assert_eq!(blind(header, &all).unwrap(), addresses(&["e@x", "f@x"]));
        assert_eq!(blind_line(&addresses(&["e@x", "f@x"])), b"Bcc: e@x,\r\n f@x\r\n");
        assert!(blind_line(&[]).is_empty());
        assert_eq!(blind(b"To: undisclosed-recipients:;\r\n\r\n", &all[..1]).unwrap(), all[..1]);
        assert_eq!(blind(b"", &all[..1]).unwrap(), all[..1]);
    }

    #[test]
    fn whom_only_the_header_names_is_told() {
        let to = addresses(&["a@x"]);
        for header in ["To: a@x, b@x\r\n\r\n", "Cc: b@x\r\n\r\n", "Bcc: b@x\r\n\r\n", "To: ops\r\n\r\n", "To: no address <\r\n\r\n"] {
            assert!(blind(header.as_bytes(), &to).is_err(), "{header}");
        }
    }
}
