//! Letters, one after the other: envelope, message, verdicts.

use std::ops::Range;

use crate::backend::{Ledger, Letter, Pieces};
use crate::model::{Address, Class, Error, Event, Result, Scope, Verdict};
use crate::wire::smtp::{Body, Command, Reply, Severity, Stuffer, WireError};

use super::conn::Content;
use super::{SmtpSession, limits};

/// Refusals of MAIL that say that the login is missing or was not good enough, and nothing about the message (RFC 4954 §6).
const LOGIN: [u16; 4] = [530, 534, 535, 538];

/// A letter that can go next.
struct Ready {
    n: usize,
    pieces: Box<dyn Pieces>,
    /// The commands of its envelope, DATA included unless everybody must be asked first.
    lines: Vec<Vec<u8>>,
}

/// The commands of an envelope.
struct Asked<'a> {
    lines: &'a [Vec<u8>],
    /// They are on their way.
    queued: bool,
}

/// What the server said to an envelope.
enum Envelope {
    /// It waits for the message; these recipients will not get it.
    Go(Vec<Option<Verdict>>),
    /// Nobody gets it.
    No(Vec<Verdict>),
}

impl SmtpSession {
    pub(super) async fn hand_over(&mut self, letters: &[Letter], ledger: &mut dyn Ledger) -> Result<()> {
        // Servers look up what they are told.
        self.conn.bear(self.silence * limits::WORK);
        let mut rest = 0..letters.len();
        let mut next = self.ready(letters, &mut rest, ledger).await?;
        while let Some(letter) = next.take() {
            if self.conn.is_cancelled() {
                return Err(self.conn.stopped());
            }
            let n = letter.n;
            match self.envelope(&letters[n], &letter.lines).await? {
                Envelope::No(verdicts) => {
                    ledger.settled(n, verdicts).await?;
                    // Also where nothing is left of it: what the next MAIL meets must not hang on that.
                    self.conn.run(&Command::Rset).await?;
                    next = self.ready(letters, &mut rest, ledger).await?;
                }
                Envelope::Go(verdicts) => {
                    let pieces = letter.pieces;
                    let Some(stuffer) = self.content(n, pieces, &verdicts, ledger).await? else {
                        return Err(self.conn.given_up());
                    };
                    let waiting = verdicts.iter().filter(|verdict| verdict.is_none()).count();
                    self.conn.end(stuffer, if self.lmtp { waiting } else { 1 })?;
                    // The next letter is recorded while this one is answered. Its envelope waits for that answer: RFC 2920 would let it
                    // go with the end of the message, and Dovecot 2.3 crashes by it, which leaves messages in doubt.
                    next = self.ready(letters, &mut rest, ledger).await?;
                    self.verdicts(n, verdicts, ledger).await?;
                }
            }
        }
        Ok(())
    }

    /// The next letter that the server can take at all; the others are settled.
    async fn ready(&mut self, letters: &[Letter], rest: &mut Range<usize>, ledger: &mut dyn Ledger) -> Result<Option<Ready>> {
        for n in rest {
            let letter = &letters[n];
            let unfit = match self.lines(letter) {
                Err(why) => why,
                Ok(lines) => match letter.message.open().await {
                    Err(error) => format!("the message cannot be read: {}", error.failed),
                    Ok(pieces) => {
                        ledger.expect(n);
                        return Ok(Some(Ready { n, pieces, lines }));
                    }
                },
            };
            ledger.settled(n, vec![Verdict::Refused(unfit); letter.envelope.to.len()]).await?;
        }
        Ok(None)
    }

    /// The commands of an envelope, or why the server cannot take it.
    fn lines(&self, letter: &Letter) -> Result<Vec<Vec<u8>>, String> {
        let (envelope, extensions) = (&letter.envelope, &self.extensions);
        let octets = letter.message.octets();
        if let Some(most) = extensions.size().filter(|most| octets > *most) {
            return Err(format!("it has {octets} octets, and the server takes {most} at most"));
        }
        let offered = extensions.has("SMTPUTF8");
        let addresses = || envelope.from.iter().chain(&envelope.to);
        if let Some(foreign) = addresses().find(|address| !address.local().is_ascii()).filter(|_| !offered) {
            return Err(format!("the server takes no addresses like {foreign} (it has no SMTPUTF8)"));
        }
        let utf8 = offered && (letter.utf8 || addresses().any(|address| !address.as_str().is_ascii()));
        let spelled = |address: &Address| if utf8 { address.to_string() } else { ascii(address) };
        let reports = &envelope.reports;
        let dsn = extensions.has("DSN");
        if !dsn && (reports.notify.is_some() || reports.whole.is_some() || reports.id.is_some()) {
            self.observer.on(&Event::Note("the server knows no delivery reports (DSN): none is asked for"));
        }
        let from = envelope.from.as_ref().map(spelled).unwrap_or_default();
        let mail = Command::Mail {
            from: &from,
            size: extensions.has("SIZE").then_some(octets),
            body: Body { eight_bit: letter.eight_bit && extensions.has("8BITMIME"), utf8 },
            whole: reports.whole.filter(|_| dsn),
            envelope_id: reports.id.as_deref().filter(|_| dsn),
        };
        let notify = reports.notify.filter(|_| dsn).map(crate::model::Notify::words);
        let unencodable = |e: WireError| e.to_string();
        let mut lines = vec![mail.encode().map_err(unencodable)?];
        for to in &envelope.to {
            lines.push(Command::Rcpt { to: &spelled(to), notify: notify.as_deref() }.encode().map_err(unencodable)?);
        }
        if !envelope.all_or_none {
            lines.push(Command::Data.encode().map_err(unencodable)?);
        }
        Ok(lines)
    }

    /// Sends an envelope, all at once or, where the server knows no pipelining, line by line; and reads what it says.
    async fn envelope(&mut self, letter: &Letter, lines: &[Vec<u8>]) -> Result<Envelope> {
        let to = &letter.envelope.to;
        let queued = self.extensions.has("PIPELINING");
        if queued {
            for line in lines {
                self.conn.raw(line);
            }
        }
        let asked = &Asked { lines, queued };
        let mail = self.answer(asked, 0).await?;
        let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(to.len());
        if mail.is_done() {
            for n in 0..to.len() {
                let reply = self.answer(asked, 1 + n).await?;
                verdicts.push(self.judge(&reply)?);
            }
        } else {
            if LOGIN.contains(&mail.code) {
                let error =
                    Error::new(Class::Auth, "send a message", format!("the server wants a login, or another one: {}", mail.words()));
                return Err(error.safe("the message was not sent"));
            }
            let all = self.judge(&mail)?;
            verdicts.resize(to.len(), all);
            for n in 0..to.len() {
                if asked.queued {
                    self.answer(asked, 1 + n).await?;
                }
            }
        }
        let data = 1 + to.len();
        let everybody = verdicts.iter().all(Option::is_none);
        let wanted = verdicts.iter().any(Option::is_none) && (everybody || !letter.envelope.all_or_none);
        if !wanted {
            if asked.queued && data < asked.lines.len() {
                let reply = self.answer(asked, data).await?;
                if reply.severity() == Severity::GoOn {
                    // RFC 2920 §3.1: an empty message for nobody.
                    self.conn.end(Stuffer::default(), 1)?;
                    self.conn.reply().await?;
                }
            }
            return Ok(Envelope::No(nobody(verdicts)));
        }
        let reply = match asked.lines.get(data) {
            Some(_) => self.answer(asked, data).await?,
            None => self.conn.run(&Command::Data).await?,
        };
        if reply.severity() == Severity::GoOn {
            return Ok(Envelope::Go(verdicts));
        }
        let Some(no) = self.judge(&reply)? else { return Err(self.conn.broke("does not wait for the message", reply.words().as_bytes())) };
        Ok(Envelope::No(verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(|| no.clone())).collect()))
    }

    /// The reply to a line of an envelope.
    async fn answer(&mut self, asked: &Asked<'_>, line: usize) -> Result<Reply> {
        if !asked.queued
            && let Some(line) = asked.lines.get(line)
        {
            self.conn.raw(line);
        }
        self.conn.reply().await
    }

    /// What a reply means for a recipient; `None` = no harm.
    fn judge(&self, reply: &Reply) -> Result<Option<Verdict>> {
        match reply.severity() {
            Severity::Done => Ok(None),
            Severity::NotNow => Ok(Some(Verdict::Later(reply.words()))),
            Severity::Never => Ok(Some(Verdict::Refused(reply.words()))),
            Severity::GoOn => Err(self.conn.broke("asks for something that nobody offered", reply.words().as_bytes())),
        }
    }

    /// Sends a message, all but its end, and waits until the ledger has it. `None`: it was not sent whole, and is settled; the connection
    /// is given up, because only that ends what was begun.
    async fn content(
        &mut self,
        n: usize,
        pieces: Box<dyn Pieces>,
        verdicts: &[Option<Verdict>],
        ledger: &mut dyn Ledger,
    ) -> Result<Option<Stuffer>> {
        let all = |verdict: Verdict| verdicts.iter().map(|v| v.clone().unwrap_or_else(|| verdict.clone())).collect();
        match self.conn.content(pieces).await {
            Ok(Content::Ready(stuffer)) => match ledger.expected(n).await {
                Ok(()) => Ok(Some(stuffer)),
                Err(error) => {
                    self.conn.give_up("the message could not be recorded");
                    Err(error)
                }
            },
            Ok(Content::Early(reply)) => {
                self.conn.give_up("the server answered in the middle of a message");
                let verdict = self.judge(&reply)?.unwrap_or_else(|| Verdict::Later(format!("answered before its end: {}", reply.words())));
                ledger.settled(n, all(verdict)).await?;
                Ok(None)
            }
            Err(error) if error.scope == Scope::Message => {
                self.conn.give_up("a message could not be read to its end");
                ledger.settled(n, all(Verdict::Refused(format!("the message cannot be sent: {}", error.failed)))).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what the server says to a whole message.
    async fn verdicts(&mut self, n: usize, verdicts: Vec<Option<Verdict>>, ledger: &mut dyn Ledger) -> Result<()> {
        let usual = self.conn.bear(self.silence * limits::END);
        let (mut told, mut lost) = (Vec::with_capacity(verdicts.len()), None);
        let mut last: Option<Verdict> = None;
        for verdict in verdicts {
            if let Some(refused) = verdict {
                told.push(refused);
                continue;
            }
            if lost.is_none() && (self.lmtp || last.is_none()) {
                match self.conn.any_reply().await {
                    Ok(reply) => last = Some(final_verdict(&reply)),
                    Err(error) => lost = Some(error),
                }
            }
            told.push(match (&lost, &last) {
                (None, Some(verdict)) => verdict.clone(),
                (Some(error), _) => Verdict::Uncertain(error.failed.clone()),
                (None, None) => Verdict::Uncertain("no answer".into()),
            });
        }
        self.conn.bear(usual);
        let Some(error) = lost else { return ledger.settled(n, told).await };
        // What waits here never reached the server.
        if self.conn.unsent() == 0 {
            ledger.settled(n, told).await?;
        }
        Err(error)
    }
}

fn final_verdict(reply: &Reply) -> Verdict {
    match reply.severity() {
        Severity::Done => Verdict::Accepted(reply.words()),
        Severity::NotNow => Verdict::Later(reply.words()),
        Severity::Never => Verdict::Refused(reply.words()),
        Severity::GoOn => Verdict::Uncertain(format!("the answer makes no sense: {}", reply.words())),
    }
}

/// Nobody gets it: those who could have are told why.
fn nobody(verdicts: Vec<Option<Verdict>>) -> Vec<Verdict> {
    let later = verdicts.iter().flatten().all(|verdict| matches!(verdict, Verdict::Later(_)));
    let words = "not sent, because not all would have got it".to_owned();
    let held = if later { Verdict::Later(words) } else { Verdict::Refused(words) };
    verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(|| held.clone())).collect()
}

/// The address with its domain in ASCII (RFC 5891); as it is where that cannot be.
fn ascii(address: &Address) -> String {
    match url::Host::parse(address.domain()) {
        Ok(url::Host::Domain(domain)) if !address.domain().is_ascii() => format!("{}@{domain}", address.local()),
        _ => address.to_string(),
    }
}
