//! From what was asked for to a message in its wire form with its envelope. Everything that is wrong with it shows here, before anything is
//! queued. All of it blocks.

use std::io::{BufRead, BufReader, Read};

use jiff::Zoned;

use crate::backend::eas::blind;
use crate::config::{Account, Config};
use crate::engine::send::compose::{self, Compose, Made};
use crate::engine::send::header::{Ended, Header};
use crate::engine::send::people::People;
use crate::model::{Address, Class, Envelope, Error, Result};
use crate::store::outbox::{Entry, Outbox, Spool};
use crate::store::random;

use super::{Queueing, Request, Source, answered, copies, way};
use crate::app::run::{layout, step_hook};

/// Octets of one read.
const PIECE: usize = 128 << 10;
/// Characters of a subject that the outbox remembers.
const SUBJECT: usize = 200;

/// A message that can go out.
pub(super) struct Prepared {
    pub account: Account,
    pub spool: Spool,
    pub entry: Entry,
    /// `None`: it is not queued.
    pub outbox: Option<Outbox>,
}

/// Reads all of `input` and prepares the message; `None` where nothing is to be sent.
pub(super) fn prepare(config: &Config, request: &Request, input: Box<dyn Read + Send>) -> Result<Option<Prepared>> {
    let mut input = BufReader::with_capacity(PIECE, input);
    match &request.source {
        Source::Whole { recipients_in_header } => {
            if input.fill_buf().map_err(|e| Error::local("read standard input", &e))?.is_empty() {
                return Err(malformed("standard input is empty: there is no message"));
            }
            let (header, ended) = Header::read(&mut input)?;
            let account = choose(config, request, header.from().as_deref())?;
            let job = Job { account, people: people(config, account), request };
            job.whole(header, &ended, &mut input, *recipients_in_header).map(Some)
        }
        Source::Composed(compose) => {
            let account = choose(config, request, compose.from.as_deref())?;
            Job { account, people: people(config, account), request }.composed(compose, &mut input)
        }
    }
}

/// What the account knows of people.
fn people(config: &Config, account: &Account) -> People {
    People { own: own(account), aliases: config.aliases.clone() }
}

/// The addresses that an account sends from.
fn own(account: &Account) -> Vec<Address> {
    let user = account.receive.as_ref().map(|receive| receive.user.clone());
    let user = match (&account.address, &account.send) {
        (Some(address), _) => Some(address.clone()),
        (None, Some(crate::config::Outgoing::Smtp { user: Some(user), .. })) => Some(user.clone()),
        _ => user,
    };
    user.iter().chain(&account.identities).filter_map(|text| Address::parse(text).ok()).collect()
}

/// The account that was named; else the one that has the sender's address; else the first that can send.
fn choose<'c>(config: &'c Config, request: &Request, from: Option<&str>) -> Result<&'c Account> {
    if let Some(name) = &request.account {
        let account = config.account(name)?;
        return if account.sends() { Ok(account) } else { Err(way::cannot(account)) };
    }
    let senders = || config.accounts.iter().filter(|account| account.sends());
    for text in [request.from.as_deref(), from].into_iter().flatten() {
        let Ok(people) = People::default().read(text) else { continue };
        let has = |account: &&Account| people.iter().any(|p| own(account).iter().any(|own| own.is_same(&p.address)));
        if let Some(account) = senders().find(has) {
            return Ok(account);
        }
    }
    if let Some(account) = senders().next() {
        return Ok(account);
    }
    // Without any account, or with those that only receive.
    Err(config.select::<&str>(&[])?.first().map_or_else(|| malformed("there is no account"), |account| way::cannot(account)))
}

struct Job<'a> {
    account: &'a Account,
    people: People,
    request: &'a Request,
}

impl Job<'_> {
    fn whole(&self, mut header: Header, ended: &Ended, input: &mut dyn BufRead, in_header: bool) -> Result<Prepared> {
        let mut lists: Vec<String> = self.request.recipients.clone();
        if in_header {
            lists.extend(header.recipients());
        }
        let from = self.sender(header.from().as_deref())?;
        let to = self.recipients(&lists, in_header)?;
        if !self.request.keep_bcc {
            header.remove_blind();
        }
        if self.account.sends_itself() {
            let mut block = Vec::new();
            header.write(&mut block).map_err(|e| Error::local("read the header of the message", &e))?;
            blind(&block, &to).map_err(|why| {
                malformed(why).hint("give those recipients, too, or take them out of the header; -t sends to all whom the header names")
            })?;
        }
        if !header.has("message-id") {
            header.add("Message-ID", &message_id(from.as_ref())?);
        }
        if !header.has("date") {
            header.add("Date", &date()?);
        }
        if !header.has("from") && !header.has("resent-from") {
            let address = from.as_ref().or(self.people.address());
            let address =
                address.ok_or_else(|| malformed("it has no From, and the account has no address").hint("set `address`, or give -f"))?;
            header.add("From", &compose::mailbox(self.request.name.as_deref(), address)?);
        }
        let (mut spool, outbox) = self.spool()?;
        let written = (|| {
            header.write(&mut spool)?;
            if let Ended::By(line) = ended {
                spool.push(line)?;
            }
            copy(input, &mut spool)
        })();
        let entry = written.map_err(|e| Error::local("write the message into the outbox", &e));
        let answered = answered::named(&header);
        let entry = entry.map(|()| Entry {
            answers: answered.and_then(|(id, forwards)| answered::find(self.account, &id, forwards)),
            subject: header.subject().chars().take(SUBJECT).collect(),
            message_id: header.message_id(),
            utf8_header: header.is_utf8(),
            ..self.entry(from, to, &spool)
        });
        self.prepared(spool, outbox, entry)
    }

    fn composed(&self, compose: &Compose, input: &mut dyn BufRead) -> Result<Option<Prepared>> {
        let from = self.sender(compose.from.as_deref())?;
        let (id, date, scratch) = (message_id(from.as_ref())?, date()?, std::env::temp_dir());
        let sender = from.as_ref().or(self.people.address());
        let made = Made { from: sender, name: self.request.name.as_deref(), id: &id, date: &date, scratch: &scratch };
        let Some(draft) = compose.draft(&self.people, &made, input)? else { return Ok(None) };
        let lists = self.request.recipients.iter().chain(&compose.to).chain(&compose.cc).chain(&compose.bcc).chain(&draft.more_recipients);
        let to = self.recipients(&lists.cloned().collect::<Vec<_>>(), true)?;
        let (mut spool, outbox) = self.spool()?;
        let subject = draft.subject.chars().take(SUBJECT).collect();
        let answers = compose.reply.as_deref().and_then(answered::message_id).and_then(|id| answered::find(self.account, &id, false));
        let entry = draft.write(&mut spool).map(|()| Entry { subject, answers, message_id: Some(id), ..self.entry(from, to, &spool) });
        self.prepared(spool, outbox, entry).map(Some)
    }

    /// Who the envelope says that it is from: as was asked for, else as the header says, else the account.
    fn sender(&self, header: Option<&str>) -> Result<Option<Address>> {
        match self.request.from.as_deref() {
            Some("" | "<>") => return Ok(None),
            Some(text) => {
                if let Some(address) = self.checked(text, "-f")? {
                    return Ok(Some(address));
                }
            }
            None => {}
        }
        let header = header.map(|text| self.checked(text, "From")).transpose()?.flatten();
        let address = header.or_else(|| self.people.address().cloned());
        address.map(Some).ok_or_else(|| {
            malformed(format!("nobody says who it is from, and the account {} has no address", self.account.name))
                .hint("set `address = \"me@example.org\"`, or give -f")
        })
    }

    /// A sender's address, which the account must have. A name without a domain, as system programs give, is the account.
    fn checked(&self, text: &str, place: &str) -> Result<Option<Address>> {
        let named = People::default().read(text);
        let Ok(people) = named else {
            return if text.contains('@') { named.map(|_| None) } else { Ok(None) };
        };
        let Some(person) = people.into_iter().next() else { return Ok(None) };
        if self.people.is_own(&person.address) {
            return Ok(Some(person.address));
        }
        let own = self.people.own.iter().map(Address::as_str).collect::<Vec<_>>().join(", ");
        let failed = format!("{place} says {}, and the account {} sends from {own}", person.address, self.account.name);
        Err(malformed(failed).hint(format!("add it to `identities` of the account, if it is yours: identities = [\"{}\"]", person.address)))
    }

    fn recipients(&self, lists: &[String], in_header: bool) -> Result<Vec<Address>> {
        let to = self.people.recipients(lists.iter().map(String::as_str))?;
        if to.is_empty() {
            let hint =
                if in_header { "To, Cc and Bcc are empty" } else { "name them as arguments, or give -t where the header names them" };
            return Err(Error::new(Class::Usage, "send a message", "it has no recipients")
                .safe("nothing was queued and nothing was sent")
                .hint(hint));
        }
        Ok(to)
    }

    fn spool(&self) -> Result<(Spool, Option<Outbox>)> {
        if self.request.queueing == Queueing::Never {
            let dir = std::env::temp_dir();
            let spool = Spool::unnamed(&dir).map_err(|e| Error::local(format!("make a file in {}", dir.display()), &e))?;
            return Ok((spool, None));
        }
        let outbox = Outbox::open_or_make(&self.account.maildir, layout(self.account.layout), step_hook())?;
        Ok((outbox.spool()?, Some(outbox)))
    }

    fn entry(&self, from: Option<Address>, to: Vec<Address>, spool: &Spool) -> Entry {
        let envelope = Envelope { from, to, reports: self.request.reports.clone(), all_or_none: self.request.all_or_none };
        // What is not queued has no journal that could keep a copy from being filed twice.
        let save_copy = self.request.queueing != Queueing::Never && copies::wanted(self.account);
        Entry { eight_bit: spool.eight_bit, save_copy, ..Entry::new(&envelope, spool.octets) }
    }

    fn prepared(&self, mut spool: Spool, outbox: Option<Outbox>, entry: Result<Entry>) -> Result<Prepared> {
        let entry = entry.and_then(|entry| {
            spool.finish().map_err(|e| Error::local("write the message into the outbox", &e))?;
            Ok(entry)
        });
        match (entry, outbox) {
            (Ok(entry), outbox) => Ok(Prepared { account: self.account.clone(), spool, entry, outbox }),
            (Err(error), Some(outbox)) => {
                outbox.discard(spool);
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }
}

fn copy(input: &mut dyn BufRead, spool: &mut Spool) -> std::io::Result<()> {
    loop {
        let piece = match input.fill_buf() {
            Ok(piece) => piece,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            return Ok(());
        }
        spool.push(piece)?;
        let n = piece.len();
        input.consume(n);
    }
}

/// A Message-ID of ours; it names the sender's domain, not this machine.
fn message_id(from: Option<&Address>) -> Result<String> {
    let noise = u128::from_le_bytes(random()?);
    let domain = from.map(Address::domain).filter(|domain| domain.is_ascii() && !domain.starts_with('[')).unwrap_or("localhost");
    Ok(format!("<{noise:032x}@{domain}>"))
}

/// This moment, as a header says it (RFC 5322 §3.3).
fn date() -> Result<String> {
    jiff::fmt::rfc2822::to_string(&Zoned::now()).map_err(|e| Error::new(Class::Internal, "write the date", e.to_string()))
}

fn malformed(failed: impl Into<String>) -> Box<Error> {
    Error::new(Class::BadData, "send a message", failed).safe("nothing was queued and nothing was sent")
}
