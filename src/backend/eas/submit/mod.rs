//! Letters by SendMail, SmartReply and SmartForward: one request each, the message streamed between the request's two halves.
//!
//! The header says who gets a letter. Those of the envelope that it does not name are added as Bcc, which the server takes out; those that
//! it names and the envelope does not would get it all the same, so such a letter is refused. Every other octet goes out as it is.
//!
//! The last octets of a request wait for the ledger. Once they may have gone out, a lost answer is uncertain and nothing else.

mod mail;
mod recipients;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::auth::{secret, unanswered};
use crate::backend::{Ctx, Ledger, Letter, Submission, Submit};
use crate::model::event::Step as Reaching;
use crate::model::{Class, Error, Event, Result, Scope, Verdict};
use crate::net::http::{Answer, Method};
use crate::wire::eas::{Command, Compose, Remedy, SendStatus, Source, Status, Version, compose_request, compose_response};

use super::EasBackend;
use super::session::{Ask, Link, Tries, answered};
use mail::{Gate, Mail};
pub use recipients::blind;
use recipients::{blind_line, header_of};

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
            self.link.ctx.go_on(|| self.link.tried(Command::SendMail))?;
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
            (Remedy::TellUser | Remedy::LogIn | Remedy::BeLetIn, _) => {
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
