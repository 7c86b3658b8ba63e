//! The header of a message that somebody gave us: read, completed, freed of what must not leave; every other byte stays as it was given.

use std::io::{BufRead, Read as _, Write};

use mail_parser::MessageParser;

use crate::model::{Class, Error, Result};

/// Octets of a header.
const MOST: u64 = 1 << 20;

/// The fields of a message, as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    fields: Vec<Field>,
}

/// A field with its line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// Lower case.
    name: String,
    raw: Vec<u8>,
}

/// Where the header ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// At an empty line, or with the input.
    Clean,
    /// At this line, which is no field: the body begins with it.
    By(Vec<u8>),
}

impl Header {
    /// Reads the header of a message. The line `From …` of an mbox before it is dropped.
    pub fn read(input: &mut dyn BufRead) -> Result<(Self, Ended)> {
        let mut header = Self::default();
        let mut left = MOST;
        for n in 0.. {
            let mut line = Vec::new();
            let read = input.take(left).read_until(b'\n', &mut line).map_err(|e| Error::local("read the message", &e))?;
            left -= read as u64;
            if left == 0 {
                return Err(wrong("its header is longer than 1 MiB"));
            }
            match line.as_slice() {
                [] | b"\n" | b"\r\n" => break,
                line if n == 0 && (line.starts_with(b"From ") || line.starts_with(b">From ")) => {}
                [b' ' | b'\t', ..] if !header.fields.is_empty() => {
                    if let Some(field) = header.fields.last_mut() {
                        field.raw.extend_from_slice(&line);
                    }
                }
                line => match name(line) {
                    Some(name) => header.fields.push(Field { name, raw: line.to_vec() }),
                    None => return Ok((header, Ended::By(line.to_vec()))),
                },
            }
        }
        Ok((header, Ended::Clean))
    }

    /// Whether there is such a field (lower case).
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The values of the fields of this name (lower case), unfolded, as text.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.fields.iter().filter(|field| field.name == name).map(Field::value).collect()
    }

    /// The lists of those who get the message, as its header says: those of the last time that it was sent on, where it was (RFC 5322
    /// §3.6.6).
    pub fn recipients(&self) -> Vec<String> {
        let resent = self.fields.iter().any(|field| field.name.starts_with("resent-"));
        let names = if resent { ["resent-to", "resent-cc", "resent-bcc"] } else { ["to", "cc", "bcc"] };
        names.iter().flat_map(|name| self.values(name)).filter(|list| !list.trim().is_empty()).collect()
    }

    /// Who it says that it is from.
    pub fn from(&self) -> Option<String> {
        let name = if self.has("resent-from") { "resent-from" } else { "from" };
        self.values(name).into_iter().next().filter(|from| !from.trim().is_empty())
    }

    /// What people call it: its Subject, decoded.
    pub fn subject(&self) -> String {
        let block: Vec<u8> = self.fields.iter().filter(|field| field.name == "subject").flat_map(|field| field.raw.clone()).collect();
        let message = MessageParser::default().parse_headers(&block);
        message.and_then(|message| message.subject().map(str::to_owned)).unwrap_or_default()
    }

    /// Its Message-ID, with its brackets.
    pub fn message_id(&self) -> Option<String> {
        let id = self.values("message-id").into_iter().next()?;
        let id = id.trim();
        (!id.is_empty() && !id.contains(char::is_whitespace)).then(|| id.to_owned())
    }

    /// Whether it has octets above 127.
    pub fn is_utf8(&self) -> bool {
        self.fields.iter().any(|field| !field.raw.is_ascii())
    }

    /// Puts a field before the others. `value` has no line end in it.
    pub fn add(&mut self, name: &str, value: &str) {
        debug_assert!(!value.contains(['\r', '\n']));
        self.fields.insert(0, Field { name: name.to_ascii_lowercase(), raw: format!("{name}: {value}\n").into_bytes() });
    }

    /// Takes out what nobody may see.
    pub fn remove_blind(&mut self) {
        self.fields.retain(|field| !matches!(field.name.as_str(), "bcc" | "resent-bcc"));
    }

    /// Writes it, and the empty line behind it.
    pub fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for field in &self.fields {
            out.write_all(&field.raw)?;
            if !field.raw.ends_with(b"\n") {
                out.write_all(b"\n")?;
            }
        }
        out.write_all(b"\n")
    }
}

impl Field {
    fn value(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let value = text.split_once(':').map_or("", |(_, value)| value);
        value.split(['\r', '\n']).filter(|line| !line.is_empty()).collect::<String>().trim().to_owned()
    }
}

/// The name of a line that begins a field (RFC 5322 §2.2), in lower case.
fn name(line: &[u8]) -> Option<String> {
    let end = line.iter().position(|b| !(33..=126).contains(b) || *b == b':')?;
    let rest = line[end..].trim_ascii_start();
    (end > 0 && rest.starts_with(b":")).then(|| String::from_utf8_lossy(&line[..end]).to_ascii_lowercase())
}

fn wrong(failed: &str) -> Box<Error> {
    Error::new(Class::BadData, "read the message", failed).safe("nothing was queued and nothing was sent")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Header, Ended, String) {
        let mut input = text.as_bytes();
        let (header, ended) = Header::read(&mut input).unwrap();
        (header, ended, String::from_utf8_lossy(input).into_owned())
    }

    #[test]
    fn fields_stay_as_they_came() {
        let text = "From: a@b\r\nSubject: =?utf-8?q?=C3=A4?=\r\n  two\r\nBCC: x@y\r\n z@w\r\nX-Odd :  v\r\n\r\nbody\r\n";
        let (mut header, ended, rest) = read(text);
        assert_eq!((ended, rest.as_str()), (Ended::Clean, "body\r\n"));
        assert_eq!(header.values("bcc"), ["x@y z@w"]);
        assert_eq!(header.subject(), "ä two");
        assert_eq!(header.recipients(), ["x@y z@w"]);
        header.remove_blind();
        header.add("Date", "now");
        let mut out = Vec::new();
        header.write(&mut out).unwrap();
        let expected = "Date: now\nFrom: a@b\r\nSubject: =?utf-8?q?=C3=A4?=\r\n  two\r\nX-Odd :  v\r\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn text_without_a_header_is_a_body() {
        assert_eq!(read("hello\nworld\n").1, Ended::By(b"hello\n".to_vec()));
        let (header, ended, rest) = read("Subject: x\nnot a field\nmore\n");
        assert!(header.has("subject"));
        assert_eq!((ended, rest.as_str()), (Ended::By(b"not a field\n".to_vec()), "more\n"));
        assert_eq!(read("").1, Ended::Clean);
        assert_eq!(read(" leading space\n").1, Ended::By(b" leading space\n".to_vec()));
    }

    #[test]
    fn an_mbox_line_is_dropped() {
        let (header, ..) = read("From me Thu Nov 26 07:00:00 2026\nSubject: x\n\n");
        assert_eq!((header.fields.len(), header.has("subject")), (1, true));
    }

    #[test]
    fn a_message_that_is_sent_on_has_the_recipients_of_that() {
        let (header, ..) = read("To: a@b\nResent-To: c@d\nResent-Cc:\nFrom: x@y\nResent-From: z@w\n\n");
        assert_eq!((header.recipients(), header.from().unwrap()), (vec!["c@d".to_owned()], "z@w".to_owned()));
    }

    #[test]
    fn an_endless_header_is_refused() {
        let text = "X: y\n".repeat(300_000);
        assert_eq!(Header::read(&mut text.as_bytes()).unwrap_err().class, Class::BadData);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_blind_copies(text in "([A-Za-z]{1,4}: ?[a-z \r\t]{0,6}\r?\n|[ a-z]{0,5}\n){0,8}") {
            let (header, ended, rest) = read(&text);
            let mut out = Vec::new();
            header.write(&mut out).unwrap();
            if let Ended::By(line) = ended {
                // The empty line is ours.
                out.pop();
                out.extend(line);
                out.extend(rest.as_bytes());
                prop_assert_eq!(String::from_utf8(out).unwrap(), text);
            } else {
                let head: usize = header.fields.iter().map(|f| f.raw.len()).sum();
                prop_assert_eq!(&String::from_utf8(out).unwrap()[..head], &text[..head]);
            }
        }
    }
}
