//! Letters by SendMail, SmartReply and SmartForward: one request each, the message streamed between the request's two halves.
//!
//! The header says who gets a letter. Those of the envelope that it does not name are added as Bcc, which the server takes out; those that
//! it names and the envelope does not would get it all the same, so such a letter is refused. Every other octet goes out as it is.
//!
//! The last octets of a request wait for the ledger. Once they may have gone out, a lost answer is uncertain and nothing else.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{StreamExt as _, try_unfold};
use mail_parser::{HeaderName, HeaderValue, MessageParser};
use tokio::sync::Semaphore;

use crate::backend::auth::{secret, unanswered};
use crate::backend::{self, Ctx, Ledger, Letter, Outgoing, Submission, Submit};
use crate::model::event::Step as Reaching;
use crate::model::{Address, Class, Error, Event, Result, Scope, Verdict};
use crate::net::http::{Answer, Method, Pieces, Upload};
use crate::wire::eas::{Command, Compose, Remedy, SendStatus, Source, Status, Version, compose_request, compose_response};

use super::session::{Ask, Link, Tries, answered, cut};
use super::{EasBackend, limits};

/// What a message is that goes out as it is.
const MESSAGE: &str = "message/rfc822";
/// Statuses of SmartReply and SmartForward that are about the message that is answered: ids that mean nothing, a reply that is not allowed or
/// failed, a command that is not known, a message that is not there. The letter goes by SendMail then.
const NOT_SO: [u32; 8] = [105, 106, 117, 121, 137, 150, 178, 179];

/// Sends by the account itself.
#[derive(Debug, Clone)]
pub struct EasSubmission {
    /// The account.
    pub backend: EasBackend,
    /// The server files a copy in Sent Items.
    pub save: bool,
}

#[async_trait]
impl Submission for EasSubmission {
    async fn open(&self, ctx: &Ctx) -> Result<Box<dyn Submit>> {
        let mut link = Link::new(self.backend.clone(), ctx.clone(), secret(ctx).await?).await?;
        link.check_lock().await?;
        // Also where the version is known: it is the login, and a letter is not what finds out that it is refused.
        link.options().await.map_err(unanswered)?;
        if !link.device.asked {
            link.provision().await?;
        }
        let detail = format!("{} may send by ActiveSync {}", self.backend.user, link.version);
        ctx.observer.on(&Event::Reached { step: Reaching::Login, detail: &detail });
        Ok(Box::new(EasSubmit { link, save: self.save }))
    }
}

/// A way to the server that has been let in.
struct EasSubmit {
    link: Link,
    save: bool,
}

#[async_trait]
impl Submit for EasSubmit {
    async fn submit(&mut self, letters: &[Letter], ledger: &mut dyn Ledger) -> Result<()> {
        for (n, letter) in letters.iter().enumerate() {
            if self.link.ctx.cancel.is_cancelled() {
                let failed = "the run was stopped before the next message was sent";
                return Err(Error::new(Class::Temporary, self.link.tried(Command::SendMail), failed));
            }
            let (verdict, lost) = self.hand_over(n, letter, ledger).await?;
            ledger.settled(n, vec![verdict; letter.envelope.to.len()]).await?;
            // It would fare no better with the next one.
            if let Some(error) = lost {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// What was said to a letter.
enum Said {
    This(Verdict),
    /// The message that it answers is not to be had: it goes without.
    Plainly,
    /// What the server wanted first was done.
    Again,
    /// Nothing: it was sent whole, and the answer is lost.
    Lost(Box<Error>),
}

impl EasSubmit {
    /// Sends one letter. An error: it was not sent. A lost answer comes with why it was lost.
    async fn hand_over(&mut self, n: usize, letter: &Letter, ledger: &mut dyn Ledger) -> Result<(Verdict, Option<Box<Error>>)> {
        let refused = |why: String| Ok((Verdict::Refused(why), None));
        let header = match header_of(&*letter.message).await {
            Ok(Some(header)) => header,
            Ok(None) => return refused("its header is too long".into()),
            Err(error) if error.scope == Scope::Message => return refused(format!("the message cannot be read: {}", error.failed)),
            Err(error) => return Err(error),
        };
        let blind = match blind(&header, &letter.envelope.to) {
            Ok(blind) => blind_line(&blind),
            Err(why) => return refused(why),
        };
        let reports = &letter.envelope.reports;
        if reports.notify.is_some() || reports.whole.is_some() || reports.id.is_some() {
            self.link.ctx.observer.on(&Event::Note("the server knows no delivery reports (DSN): none is asked for"));
        }
        ledger.expect(n);
        let (mut tries, mut smart, gate) = (Tries::default(), true, Arc::new(Gate::default()));
        loop {
            let parcel = match self.parcel(letter, &blind, smart, &gate) {
                Ok(parcel) => parcel,
                Err(why) => return refused(why),
            };
            match self.send(n, &parcel, ledger, &mut tries).await? {
                Said::This(verdict) => return Ok((verdict, None)),
                Said::Plainly => smart = false,
                Said::Again => {}
                Said::Lost(error) => return Ok((Verdict::Uncertain(error.failed.clone()), Some(error))),
            }
        }
    }

    /// The request for a letter, or why there can be none. `smart`: the server may learn what it answers.
    fn parcel(&self, letter: &Letter, blind: &[u8], smart: bool, gate: &Arc<Gate>) -> Result<Parcel, String> {
        let octets = letter.message.octets() + blind.len() as u64;
        let (message, save, gate) = (letter.message.clone(), self.save, gate.clone());
        if self.link.version < Version::V14_0 {
            // Without ReplaceMime the server would add what is answered to what was written.
            let mail = Arc::new(Mail { before: Bytes::copy_from_slice(blind), message, behind: Bytes::new(), gate: gate.clone() });
            let ask = Ask { kind: MESSAGE, save_in_sent: save, ..Ask::new(Command::SendMail, mail.upload()) };
            return Ok(Parcel { ask, gate, smart: false });
        }
        let octets =
            u32::try_from(octets).map_err(|_| format!("it has {octets} octets, and ActiveSync can announce {} at most", u32::MAX))?;
        let folder = letter.answers.as_ref().map(|answers| String::from_utf8_lossy(&answers.folder.0).into_owned());
        let source = letter.answers.as_ref().zip(folder.as_deref()).filter(|_| smart).map(|(answers, folder)| Source {
            folder,
            item: &answers.id.0,
            forwards: answers.forwards,
        });
        let compose = Compose { client_id: &letter.id, save, octets, source };
        // A server that does not list the command is not asked.
        let listed = self.link.commands.contains(compose.command());
        let compose = Compose { source: compose.source.filter(|_| listed), ..compose };
        let (before, behind) = compose_request(&compose).map_err(|e| e.to_string())?;
        let before = Bytes::from([&before[..], blind].concat());
        let mail = Arc::new(Mail { before, message, behind: behind.into(), gate: gate.clone() });
        Ok(Parcel { ask: Ask::new(compose.command(), mail.upload()), gate, smart: compose.source.is_some() })
    }

    async fn send(&mut self, n: usize, parcel: &Parcel, ledger: &mut dyn Ledger, tries: &mut Tries) -> Result<Said> {
        let gate = &parcel.gate;
        let sent = {
            let post = self.link.post(Method::Post, Some(&parcel.ask));
            tokio::pin!(post);
            tokio::select! {
                biased;
                // Never closed.
                _ = gate.asked.acquire(), if !gate.is_open() => {
                    ledger.expected(n).await?;
                    gate.granted.add_permits(1);
                    post.await
                }
                answer = &mut post => answer,
            }
        };
        match sent {
            Ok(answer) => self.judge(parcel, answer, tries).await,
            Err(error) => {
                if let Some(unreadable) = gate.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    if unreadable.scope == Scope::Message {
                        return Ok(Said::This(Verdict::Refused(format!("the message cannot be read: {}", unreadable.failed))));
                    }
                    return Err(unreadable);
                }
                if self.link.unanswered && gate.is_whole.load(SeqCst) { Ok(Said::Lost(error)) } else { Err(error) }
            }
        }
    }

    async fn judge(&mut self, parcel: &Parcel, answer: Answer, tries: &mut Tries) -> Result<Said> {
        let command = parcel.ask.command;
        if answer.status != 200 {
            let refused = self.link.refused(command, answer).await;
            return self.judge_http(parcel, refused, tries).await;
        }
        let octets = match self.link.whole(command, answer).await {
            Ok(octets) if octets.is_empty() => return Ok(Said::This(Verdict::Accepted("accepted by the server".into()))),
            Ok(octets) => octets,
            Err(error) if error.class == Class::Protocol => return Ok(Said::This(Verdict::Uncertain(error.failed.clone()))),
            Err(error) => return Ok(Said::Lost(error)),
        };
        match compose_response(command, &octets, &mut Link::note(command)) {
            Ok(status) => self.judge_status(parcel, status, tries).await,
            Err(error) => Ok(Said::This(Verdict::Uncertain(format!("the answer makes no sense: {error}")))),
        }
    }

    async fn judge_status(&mut self, parcel: &Parcel, status: Status<SendStatus>, tries: &mut Tries) -> Result<Said> {
        let words = format!("the server answers {status}");
        if parcel.smart && NOT_SO.contains(&status.code()) {
            return Ok(Said::Plainly);
        }
        Ok(Said::This(match (status.remedy(), status.code()) {
            (Remedy::Done, _) => Verdict::Accepted(words),
            (Remedy::Provision | Remedy::Renegotiate, _) => {
                self.link.recover(parcel.ask.command, status, tries).await?;
                return Ok(Said::Again);
            }
            // An error that will stay is one of the letter; a quota may be raised.
            (Remedy::TellUser, 110) => Verdict::Refused(words),
            (Remedy::TellUser, 113 | 115) => Verdict::Later(words),
            (Remedy::TellUser | Remedy::LogIn, _) => {
                let error = Error::new(Class::Auth, self.link.tried(parcel.ask.command), words).safe("the message was not sent");
                return Err(error.hint("ask whoever administers the server"));
            }
            (Remedy::Refuse | Remedy::Bug | Remedy::Gone | Remedy::TakeTheirs | Remedy::ObeyLimit | Remedy::DoWithout, _) => {
                Verdict::Refused(words)
            }
            _ => Verdict::Later(words),
        }))
    }

    /// What another status than 200 of the web server means for a letter.
    async fn judge_http(&mut self, parcel: &Parcel, refused: Box<Error>, tries: &mut Tries) -> Result<Said> {
        let words = refused.failed.clone();
        Ok(match answered(&refused) {
            // A 403 may ask for Provision, too.
            Some(status @ (449 | 403)) if tries.provisions == 0 && (status == 449 || self.link.device.policy.is_none()) => {
                tries.provisions += 1;
                self.link.provision().await?;
                Said::Again
            }
            Some(400 | 501) if parcel.smart => Said::Plainly,
            Some(400 | 413 | 415) => Said::This(Verdict::Refused(words)),
            Some(507) => Said::This(Verdict::Later(words)),
            // With a ClientId a server that has sent it all the same drops the double.
            Some(500) if self.link.version >= Version::V14_0 => Said::This(Verdict::Later(words)),
            // Whoever stands between heard nothing of the server behind; a server of old says no more.
            Some(500 | 502 | 504) => Said::This(Verdict::Uncertain(words)),
            _ => return Err(refused),
        })
    }
}

/// A letter as a request.
struct Parcel {
    ask: Ask,
    gate: Arc<Gate>,
    /// It names the message that it answers.
    smart: bool,
}

/// Where the last octets of a request wait.
struct Gate {
    /// Gets a permit when they want to go out.
    asked: Semaphore,
    /// Has one once they may.
    granted: Semaphore,
    /// They have been handed to the connection.
    is_whole: AtomicBool,
    /// Why the message could not be read.
    failed: Mutex<Option<Box<Error>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { asked: Semaphore::new(0), granted: Semaphore::new(0), is_whole: AtomicBool::new(false), failed: Mutex::default() }
    }
}

impl Gate {
    fn is_open(&self) -> bool {
        self.granted.available_permits() > 0
    }

    async fn pass(&self) {
        self.asked.add_permits(1);
        // Given back: when the letter is sent once more, it is open.
        let _ = self.granted.acquire().await;
        self.is_whole.store(true, SeqCst);
    }

    fn fail(&self, error: Box<Error>) -> io::Error {
        let shown = io::Error::other(error.failed.clone());
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        shown
    }
}

/// The octets of a request.
struct Mail {
    before: Bytes,
    message: Arc<dyn Outgoing>,
    behind: Bytes,
    gate: Arc<Gate>,
}

/// How far a request has been read.
enum At {
    Start,
    /// What was read and not told: the last octets must be known before they go out.
    In(Box<dyn backend::Pieces>, Bytes),
    End,
}

impl Mail {
    fn upload(self: Arc<Self>) -> Upload {
        let octets = self.before.len() as u64 + self.message.octets() + self.behind.len() as u64;
        Upload::Streamed { octets, open: Arc::new(move || self.clone().pieces()) }
    }

    fn pieces(self: Arc<Self>) -> Pieces {
        self.gate.is_whole.store(false, SeqCst);
        try_unfold(At::Start, move |at| {
            let mail = self.clone();
            async move { mail.next(at).await.map_err(|error| mail.gate.fail(error)) }
        })
        .boxed()
    }

    async fn next(&self, at: At) -> Result<Option<(Bytes, At)>> {
        let (mut pieces, mut held) = match at {
            At::Start => (self.message.open().await?, self.before.clone()),
            At::In(pieces, held) => (pieces, held),
            At::End => return Ok(None),
        };
        while let Some(piece) = pieces.next().await? {
            let told = std::mem::replace(&mut held, piece);
            if !told.is_empty() {
                return Ok(Some((told, At::In(pieces, held))));
            }
        }
        let mut last = BytesMut::from(&held[..]);
        last.extend_from_slice(&self.behind);
        self.gate.pass().await;
        Ok(Some((last.freeze(), At::End)))
    }
}

/// The header block of a message; `None` where it has no end within bounds.
async fn header_of(message: &dyn Outgoing) -> Result<Option<Vec<u8>>> {
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
fn blind_line(blind: &[Address]) -> Vec<u8> {
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
