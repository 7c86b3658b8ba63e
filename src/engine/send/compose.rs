//! A message from options: its header by mail-builder, its attachments streamed, so that a large file costs no memory.

mod kind;
mod text;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::{Header as _, HeaderType};
use mail_builder::mime::{MimePart, make_boundary};

use crate::model::{Address, Class, Error, Result};
use crate::store::outbox::Spool;

use super::header::Header;
use super::people::{People, Person};
use kind::Kind;
use text::Content;

/// Octets that become one line of base64.
const LINE: usize = 57;
/// Message-IDs that a References field keeps.
const REFERENCES: usize = 30;
/// Fields that are written by mailx, each from an option of its own.
const OURS: [&str; 9] = ["from", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version"];

/// A message to be composed.
#[derive(Debug, Clone, Default)]
pub struct Compose {
    /// From, as a person writes it.
    pub from: Option<String>,
    /// To: lists of addresses and short names.
    pub to: Vec<String>,
    /// Cc.
    pub cc: Vec<String>,
    /// Bcc: they get it, and nobody sees that.
    pub bcc: Vec<String>,
    /// Everybody sees that.
    pub keep_bcc: bool,
    /// Reply-To.
    pub reply_to: Vec<String>,
    /// Subject.
    pub subject: Option<String>,
    /// More fields: name and value.
    pub headers: Vec<(String, String)>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// The text is HTML: it goes with one in plain words.
    pub html: bool,
    /// The type of the text, as a Content-Type says it: it goes alone.
    pub kind: Option<String>,
    /// The text is in this file, not on standard input.
    pub body: Option<PathBuf>,
    /// The message that this one answers.
    pub reply: Option<PathBuf>,
    /// Nothing is sent where the text is empty.
    pub skip_empty: bool,
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Where it is.
    pub path: PathBuf,
    /// Its media type; `None` = by its name.
    pub media: Option<String>,
}

/// What is made anew for each message.
pub struct Made<'a> {
    /// Who it is from.
    pub from: Option<&'a Address>,
    /// The name beside that.
    pub name: Option<&'a str>,
    /// Its Message-ID, with its brackets.
    pub id: &'a str,
    /// Its Date.
    pub date: &'a str,
    /// Where a file without a name can be made.
    pub scratch: &'a Path,
}

/// A message that is complete but for its bytes: whatever was wrong has shown.
pub struct Draft {
    builder: MessageBuilder<'static>,
    text: Content,
    html: bool,
    kind: Kind,
    attachments: Vec<Opened>,
    /// Its Subject.
    pub subject: String,
    /// Recipients that the answered message names.
    pub more_recipients: Vec<String>,
}

/// An attachment, readable.
struct Opened {
    file: File,
    name: String,
    media: String,
}

impl Compose {
    /// Reads what it is made of. The text comes from `input` unless a file is named. `None`: there is no text, and nothing is wanted then.
    pub fn draft(&self, people: &People, made: &Made<'_>, input: &mut dyn BufRead) -> Result<Option<Draft>> {
        let kind = match &self.kind {
            Some(text) => Kind::read(text)?,
            None => Kind::new(if self.html { "text/html" } else { "text/plain" }),
        };
        let attachments = self.attachments.iter().map(Attachment::open).collect::<Result<Vec<_>>>()?;
        let answered = self.reply.as_deref().map(Answered::read).transpose()?;
        let mut builder = MessageBuilder::new().header("Date", Raw::new(made.date.to_owned()));
        if let Some(from) = made.from {
            let written = self.from.as_deref().map(|text| people.read(text)).transpose()?.and_then(|read| read.into_iter().next());
            let name = written.and_then(|person| person.name).or_else(|| made.name.map(str::to_owned));
            builder = builder.header("From", Mailbox::new_address(checked(name, "the name of the sender")?, from.to_string()));
        }
        // Whoever names nobody answers whom the message came from.
        let answering = if self.to.is_empty() { answered.as_ref().map_or_else(Vec::new, |a| a.to.clone()) } else { Vec::new() };
        let seen = if self.keep_bcc { self.bcc.clone() } else { Vec::new() };
        let to = [self.to.clone(), answering.clone()].concat();
        for (name, lists) in [("To", to), ("Cc", self.cc.clone()), ("Bcc", seen), ("Reply-To", self.reply_to.clone())] {
            let read: Vec<Person> = lists.iter().map(|list| people.read(list)).collect::<Result<Vec<_>>>()?.concat();
            if !read.is_empty() {
                builder = builder.header(name, mailboxes(read)?);
            }
        }
        let again = answered.as_ref().map(|a| a.subject.as_str()).unwrap_or_default();
        let subject = checked(self.subject.clone(), "the subject")?.unwrap_or_else(|| again.to_owned());
        if !subject.is_empty() {
            builder = builder.header("Subject", Text::new(subject.clone()));
        }
        builder = builder.header("Message-ID", MessageId::new(made.id.trim_matches(['<', '>']).to_owned()));
        if let Some(answered) = &answered {
            if let Some(id) = &answered.id {
                builder = builder.header("In-Reply-To", Raw::new(id.clone()));
            }
            if !answered.references.is_empty() {
                builder = builder.header("References", Raw::new(answered.references.join(" ")));
            }
        }
        for (name, value) in &self.headers {
            builder = builder.header(field(name)?, value_of(name, value)?);
        }
        let text = match &self.body {
            Some(path) => {
                let file = File::open(path).map_err(|e| unreadable(path, &e))?;
                Content::read(&mut BufReader::new(file), made.scratch).map_err(|e| unreadable(path, &e))?
            }
            None => Content::read(input, made.scratch).map_err(|e| Error::local("read the text from standard input", &e))?,
        };
        if self.skip_empty && matches!(&text, Content::Short(text) if text.is_empty()) {
            return Ok(None);
        }
        Ok(Some(Draft { builder, text, html: self.html, kind, attachments, subject, more_recipients: answering }))
    }
}

impl Draft {
    /// Writes the message.
    pub fn write(self, out: &mut Spool) -> Result<()> {
        let failed = |e: io::Error| Error::local("write the message", &e);
        let text = match self.text {
            Content::Short(text) if self.html => {
                let plain = mail_parser::decoders::html::html_to_text(&text);
                let parts = vec![MimePart::new("text/plain", plain), MimePart::new("text/html", text)];
                Part::Built(MimePart::new("multipart/alternative", parts))
            }
            Content::Short(text) => Part::Built(MimePart::new(self.kind.content_type("utf-8"), text)),
            Content::Long(file, charset) => {
                let part = MimePart::new(self.kind.content_type(charset), b"".as_slice());
                Part::Streamed(part.transfer_encoding("base64"), file, true)
            }
        };
        let mut parts = vec![text];
        for attachment in self.attachments {
            parts.push(attachment.part()?);
        }
        if parts.len() == 1
            && let Some(Part::Built(part)) = parts.pop_if(|part| matches!(part, Part::Built(_)))
        {
            return self.builder.body(part).write_to(out).map_err(failed);
        }
        let boundary = make_boundary("_");
        let mixed = MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", boundary.clone()), b"".as_slice());
        self.builder.body(mixed.transfer_encoding("7bit")).write_to(&mut *out).map_err(failed)?;
        for part in parts {
            write!(out, "--{boundary}\r\n").map_err(failed)?;
            part.write(out).map_err(failed)?;
            out.write_all(b"\r\n").map_err(failed)?;
        }
        write!(out, "--{boundary}--\r\n").map_err(failed)
    }
}

/// A part of a message.
enum Part {
    Built(MimePart<'static>),
    /// Header, octets, and whether they are encoded.
    Streamed(MimePart<'static>, File, bool),
}

impl Part {
    fn write(self, out: &mut Spool) -> io::Result<()> {
        let mut head = Vec::new();
        match self {
            Self::Built(part) => {
                part.write_part(&mut head);
                out.write_all(&head)
            }
            Self::Streamed(part, mut file, encoded) => {
                part.write_part(&mut head);
                out.write_all(&head)?;
                if encoded { base64(&mut file, out) } else { io::copy(&mut file, out).map(drop) }
            }
        }
    }
}

/// Writes a file as lines of base64 (RFC 2045 §6.8).
fn base64(file: &mut File, out: &mut Spool) -> io::Result<()> {
    let (mut piece, mut lines) = (vec![0; LINE * 1000], String::with_capacity(LINE * 1500));
    loop {
        let mut filled = 0;
        while filled < piece.len() {
            match file.read(&mut piece[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        lines.clear();
        for line in piece[..filled].chunks(LINE) {
            STANDARD.encode_string(line, &mut lines);
            lines.push_str("\r\n");
        }
        out.write_all(lines.as_bytes())?;
        if filled < piece.len() {
            return Ok(());
        }
    }
}

impl Attachment {
    /// Reads `FILE` or `FILE;type/subtype`.
    pub fn parse(text: &std::ffi::OsStr) -> Self {
        if let Some((path, media)) = text.to_str().and_then(|text| text.rsplit_once(';'))
            && is_media(media.trim())
        {
            return Self { path: path.into(), media: Some(media.trim().to_owned()) };
        }
        Self { path: text.into(), media: None }
    }

    fn open(&self) -> Result<Opened> {
        let path = &self.path;
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        let meta = file.metadata().map_err(|e| unreadable(path, &e))?;
        if !meta.is_file() || meta.mode() & 0o170_000 != 0o100_000 {
            return Err(Error::new(Class::NotFound, format!("read {}", path.display()), "it is no file").safe("nothing was sent"));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.chars().any(char::is_control) {
            return Err(malformed(format!("the file name \"{}\" has control characters in it", name.escape_debug())));
        }
        let guessed = || mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream").to_owned();
        Ok(Opened { file, name, media: self.media.clone().unwrap_or_else(guessed) })
    }
}

impl Opened {
    fn part(mut self) -> Result<Part> {
        let content_type = ContentType::new(self.media.clone()).attribute("name", self.name.clone());
        let part = MimePart::new(content_type, b"".as_slice()).attachment(self.name.clone());
        if !self.media.starts_with("message/") {
            return Ok(Part::Streamed(part.transfer_encoding("base64"), self.file, true));
        }
        // A message within a message must not be encoded (RFC 2046 §5.2.1).
        let failed = |e: io::Error| Error::local(format!("read {}", self.name), &e);
        let (mut piece, mut ascii) = (vec![0; 64 << 10], true);
        loop {
            let n = self.file.read(&mut piece).map_err(failed)?;
            ascii &= piece[..n].is_ascii();
            if n == 0 {
                break;
            }
        }
        self.file.rewind().map_err(failed)?;
        Ok(Part::Streamed(part.transfer_encoding(if ascii { "7bit" } else { "8bit" }), self.file, false))
    }
}

/// `type/subtype` (RFC 2045 §5.1).
fn is_media(text: &str) -> bool {
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// What a message says that is answered.
struct Answered {
    id: Option<String>,
    references: Vec<String>,
    subject: String,
    to: Vec<String>,
}

impl Answered {
    fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        let (header, _) = Header::look(&mut BufReader::new(file))?;
        let word = |id: &str| id.starts_with('<') && id.ends_with('>') && id.bytes().all(|b| b.is_ascii_graphic());
        let ids =
            |name: &str| header.values(name).iter().flat_map(|v| v.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
        let mut references: Vec<String> = ids("references");
        let id = header.message_id().filter(|id| word(id));
        references.extend(id.clone());
        references.retain(|id| word(id));
        let first = references.len().saturating_sub(REFERENCES);
        let subject: String = header.subject().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let is_again = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
        let to = [header.values("reply-to"), header.values("from")].into_iter().find(|v| !v.is_empty()).unwrap_or_default();
        Ok(Self { id, references: references.split_off(first), subject: if is_again { subject } else { format!("Re: {subject}") }, to })
    }
}

fn mailboxes(people: Vec<Person>) -> Result<Mailbox<'static>> {
    let mailbox = |person: Person| Ok(Mailbox::new_address(checked(person.name, "a name")?, person.address.to_string()));
    people.into_iter().map(mailbox).collect::<Result<Vec<_>>>().map(Mailbox::new_list)
}

/// A mailbox as a header writes it.
pub fn mailbox(name: Option<&str>, address: &Address) -> Result<String> {
    let mut out = Vec::new();
    Mailbox::new_address(checked(name.map(str::to_owned), "the name of the sender")?, address.to_string()).write_header(&mut out, 6);
    Ok(String::from_utf8_lossy(&out).replace("\r\n", "").trim().to_owned())
}

/// Text that stays in its line.
fn checked(text: Option<String>, what: &str) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let text = text.replace('\t', " ");
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(malformed(format!("{what} has control characters in it: they could become lines of the header")));
    }
    Ok(Some(text))
}

/// The name of a field that may be given.
fn field(name: &str) -> Result<String> {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|b| (33..=126).contains(&b) && b != b':') {
        return Err(malformed(format!("\"{}\" is no name of a header field", name.escape_debug())));
    }
    if OURS.contains(&lower.as_str()) || lower.starts_with("content-") || lower.starts_with("resent-") {
        let hint = match lower.as_str() {
            "mime-version" => "leave it out: every message that mailx composes has MIME-Version: 1.0",
            "content-transfer-encoding" => "leave it out: mailx encodes the text as its octets need it",
            "content-type" => "--html says that the text is HTML",
            _ => "there is an option for it, or it follows from others",
        };
        return Err(malformed(format!("the header field {name} is written by mailx")).hint(hint));
    }
    Ok(name.to_owned())
}

fn value_of(name: &str, value: &str) -> Result<HeaderType<'static>> {
    let value = checked(Some(value.trim().to_owned()), &format!("the header field {name}"))?.unwrap_or_default();
    // Fields with a syntax are written as they are; text that is none of ASCII must be encoded.
    Ok(if value.is_ascii() { HeaderType::from(Raw::new(value)) } else { HeaderType::from(Text::new(value)) })
}

fn unreadable(path: &Path, error: &io::Error) -> Box<Error> {
    Error::new(Class::NotFound, format!("read {}", path.display()), error.to_string()).safe("nothing was queued and nothing was sent")
}

fn malformed(failed: String) -> Box<Error> {
    Error::new(Class::BadData, "compose the message", failed).safe("nothing was queued and nothing was sent")
}

#[cfg(test)]
mod tests;
