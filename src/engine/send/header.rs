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
    /// Reads the header of a message that is to be sent. The line `From …` of an mbox before it is dropped.
    ///
    /// A field with a CR alone is refused: [`Spool`](crate::store::outbox::Spool) makes a line end of it, and what was one field here would
    /// be two on the wire, or the end of the header. So what is understood here is what everybody else understands.
    pub fn read(input: &mut dyn BufRead) -> Result<(Self, Ended)> {
        let (header, ended) = Self::look(input)?;
        match header.fields.iter().find(|field| has_bare_cr(&field.raw)) {
            Some(field) => {
                let failed = format!("its header field {} has a carriage return (CR) in it that ends no line", field.name);
                Err(wrong(&failed).hint("end lines with LF or CRLF; what comes from outside must not bring line ends into a header"))
            }
            None => Ok((header, ended)),
        }
    }

    /// Reads the header of a message that is here, whatever it looks like.
    pub fn look(input: &mut dyn BufRead) -> Result<(Self, Ended)> {
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

/// Whether there is a CR without its LF.
fn has_bare_cr(raw: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', raw).any(|at| raw.get(at + 1) != Some(&b'\n'))
}

fn wrong(failed: &str) -> Box<Error> {
    Error::new(Class::BadData, "read the message", failed).safe("nothing was queued and nothing was sent")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::outbox::Spool;

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

    /// Fields (name and value) and body of what goes out, by somebody who knows RFC 5322 and nothing of us.
    fn understood(wire: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
        let (mut fields, mut rest): (Vec<(String, String)>, _) = (Vec::new(), wire);
        loop {
            let end = memchr::memmem::find(rest, b"\r\n").expect("the header ends with an empty line");
            let (line, after) = (&rest[..end], &rest[end + 2..]);
            assert!(!line.contains(&b'\r') && !line.contains(&b'\n'), "{}", wire.escape_ascii());
            rest = after;
            let text = String::from_utf8_lossy(line).into_owned();
            match line {
                [] => return (fields, rest.to_vec()),
                [b' ' | b'\t', ..] => fields.last_mut().expect("something is continued").1 += &text,
                _ => {
                    let (name, value) = text.split_once(':').expect("a field");
                    fields.push((name.trim_end().to_ascii_lowercase(), value.to_owned()));
                }
            }
        }
    }

    /// Line ends as they go out.
    fn spooled(parts: &[&[u8]]) -> Vec<u8> {
        let mut spool = Spool::unnamed(&std::env::temp_dir()).unwrap();
        for part in parts {
            spool.push(part).unwrap();
        }
        spool.finish().unwrap();
        let (mut file, mut out) = (spool.into_file(), Vec::new());
        std::io::Seek::rewind(&mut file).unwrap();
        std::io::Read::read_to_end(&mut file, &mut out).unwrap();
        out
    }

    /// The message is refused, or means here what it means on the wire.
    fn means_the_same(text: &[u8]) {
        let mut input = text;
        let Ok((mut header, ended)) = Header::read(&mut input) else { return };
        header.add("X-Ours", "first");
        let ours: Vec<_> = header.fields.iter().map(|field| (field.name.clone(), field.value())).collect();
        let mut block = Vec::new();
        header.write(&mut block).unwrap();
        let line = if let Ended::By(line) = ended { line } else { Vec::new() };
        let (fields, body) = understood(&spooled(&[&block, &line, input]));
        let theirs: Vec<_> = fields.into_iter().map(|(name, value)| (name, value.trim().to_owned())).collect();
        assert_eq!((ours, spooled(&[&line, input])), (theirs, body), "{}", text.escape_ascii());
    }

    #[test]
    fn a_cr_alone_neither_makes_a_field_nor_ends_the_header() {
        for text in [
            "Subject: a\rBcc: x@x.org\n\nb\n",
            "Subject: a\r\rb\nTo: x@y\n\n",
            "A: b\r\r\n\r\n",
            "A: b\r",
            "A: b\n c\rD: e\n\n",
            "A: b\rC: d\r\r",
        ] {
            let error = Header::read(&mut text.as_bytes()).unwrap_err();
            assert_eq!(error.class, Class::BadData, "{text:?}");
            assert!(Header::look(&mut text.as_bytes()).is_ok());
        }
        for text in ["A: b\r\n\r\nx\ry\r\r\n", "A: b\n\rC: d\n\n", "hello\rBcc: x@y\n", "A: b\r\n\r\r\n"] {
            let (header, ..) = read(text);
            assert!(!header.has("bcc") && !header.has("c"), "{text:?}");
            means_the_same(text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_goes_out(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                "([ABf]: ?[a\r\t ]{0,3}|From a|[ \t\r]|\r|x)?(\n|\r|\r\n|\r\r\n|\n\r)(.|\n|\r|B: c|\r\n){0,6}".prop_map(String::into_bytes),
                proptest::collection::vec(prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("A: b"), Just("Bcc: c"), Just(" "), Just("x"), Just("From a")], 0..14)
                    .prop_map(|parts| parts.concat().into_bytes()),
            ],
        ) {
            means_the_same(&text);
        }

        #[test]
        fn nothing_is_lost_but_blind_copies(text in "([A-Za-z]{1,4}: ?[a-z \r\t]{0,6}\r?\n|[ a-z]{0,5}\n){0,8}") {
            let mut input = text.as_bytes();
            let (header, ended) = Header::look(&mut input).unwrap();
            let rest = String::from_utf8_lossy(input).into_owned();
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
