//! `mailx outbox` and `send --flush`: what waits, and what becomes of it.

use std::sync::Arc;

use super::{Delivered, Door, Report, Settled, State, copies, doubts, look, report, settled_of};
use crate::app::{Globals, Observers, Target, account, off_thread};
use crate::config::Account;
use crate::engine::send;
use crate::model::{Class, Error, Observer, Result, Verdict};
pub use crate::store::outbox::Past;
use crate::store::outbox::{Claimed, Entry, Outbox, Postponed};

/// Messages that are handed over by one connection before their number is looked at again.
const BATCH: usize = 256;

/// Seconds until a watch looks again for what should have gone by now.
const SOON: i64 = 10;

/// A message of an outbox.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Account.
    pub account: String,
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Envelope and history.
    pub entry: Entry,
}

/// The outbox of an account.
#[derive(Debug)]
pub struct AccountOutbox {
    /// Account.
    pub name: String,
    /// Its messages, oldest first.
    pub messages: Vec<Waiting>,
    /// Why nothing is tried for now.
    pub postponed: Option<Postponed>,
    /// What could not be read.
    pub errors: Vec<Box<Error>>,
}

/// What a flush did for an account.
#[derive(Debug)]
pub struct Flushed {
    /// Account.
    pub name: String,
    /// What became of the messages that were tried.
    pub reports: Vec<Settled>,
    /// What stopped it.
    pub error: Option<Box<Error>>,
}

impl Flushed {
    /// Says what waits for its next try: whoever asks for a flush must not take silence for success.
    fn tell_waiting(&mut self, messages: &[Waiting]) {
        // Where nothing failed, one that has no time of its next try was queued by somebody else while this went on.
        let failed = self.error.is_some();
        let waits = |message: &&Waiting| message.state == State::Queued && (failed || message.entry.next.is_some());
        let waiting: Vec<&Waiting> = messages.iter().filter(waits).collect();
        let Some(next) = waiting.iter().map(|message| message.entry.next).min() else { return };
        let when = next.map_or_else(|| "with the next flush".to_owned(), |next| format!("from {next} on"));
        let count = match waiting.len() {
            1 => "1 message waits".to_owned(),
            more => format!("{more} messages wait"),
        };
        let tried = |id: &str| self.reports.iter().any(|report| report.id == id && !report.verdicts.is_empty());
        let hint = "mailx outbox list says why, mailx outbox retry ID sends one at once";
        match &mut self.error {
            Some(error) => {
                error.safe = Some(format!("{count} in the outbox, to be tried again {when}: do not send them again"));
                error.hints.push(hint.into());
            }
            // Those that were tried now have been told one by one.
            None if waiting.iter().all(|message| tried(&message.id)) => {}
            None => {
                let error = Error::new(Class::Temporary, "send what waits in the outbox", format!("{count} for the next try, {when}"));
                self.error = Some(error.safe("nothing is lost: do not send them again").hint(hint));
            }
        }
    }

    /// What a person should know of the messages that were tried and did not go.
    pub(in crate::app) fn undelivered(&self) -> Option<Box<Error>> {
        let mut worst: Option<(Class, String)> = None;
        for settled in &self.reports {
            for (to, verdict) in &settled.verdicts {
                let (class, words) = match verdict {
                    Verdict::Accepted(_) => continue,
                    Verdict::Uncertain(words) => (Class::Guard, words),
                    Verdict::Refused(words) => (Class::Partial, words),
                    Verdict::Later(words) => (Class::Temporary, words),
                };
                if worst.as_ref().is_none_or(|(known, _)| *known != Class::Guard) {
                    worst = Some((class, format!("{}: {to}: {words}", settled.id)));
                }
            }
        }
        let (class, why) = worst?;
        Some(Error::new(class, "send what waits in the outbox", why).safe("it is in the outbox").hint("mailx outbox list shows it"))
    }
}

/// The outboxes of accounts (none = all).
pub async fn list(globals: &Globals, names: &[String]) -> Result<Vec<AccountOutbox>> {
    let mut all = Vec::new();
    for account in account::select(globals, &Target::Named(names.to_vec()))? {
        all.push(of(&account).await?);
    }
    Ok(all)
}

/// The outbox of one account.
pub(in crate::app) async fn of(account: &Account) -> Result<AccountOutbox> {
    let name = account.name.clone();
    let Some(outbox) = look(account).await? else {
        return Ok(AccountOutbox { name, messages: Vec::new(), postponed: None, errors: Vec::new() });
    };
    off_thread("read the outbox", move || {
        let (mut messages, mut errors) = (Vec::new(), Vec::new());
        for item in outbox.list()? {
            match item {
                Ok(item) => messages.push(Waiting { account: name.clone(), id: item.id, state: item.state, entry: item.entry }),
                Err(error) => errors.push(error),
            }
        }
        Ok(AccountOutbox { postponed: outbox.postponed(), name, messages, errors })
    })
    .await
}

/// The one message whose id is `text`, or begins with it, in any account; and a reader of its octets.
pub async fn show(globals: &Globals, text: &str) -> Result<(Waiting, std::fs::File)> {
    let (account, outbox, id) = find(globals, text).await?;
    off_thread("read the outbox", move || {
        let item = outbox.list()?.into_iter().flatten().find(|item| item.id == id).ok_or_else(|| gone(&id))?;
        let path = outbox.path().join(format!("{id}.eml"));
        let file = std::fs::File::open(&path).map_err(|e| Error::local(format!("open {}", path.display()), &e))?;
        Ok((Waiting { account: account.name, id: item.id, state: item.state, entry: item.entry }, file))
    })
    .await
}

/// Removes a message. One that somebody is sending now stays.
pub async fn delete(globals: &Globals, text: &str) -> Result<Waiting> {
    let (account, outbox, id) = find(globals, text).await?;
    off_thread("delete a message of the outbox", move || {
        let claim = match outbox.claim(&id)? {
            Claimed::Yes(claim) => claim,
            Claimed::Busy => return Err(busy(&id)),
            Claimed::Gone => return Err(gone(&id)),
        };
        outbox.remove(&claim.id)?;
        outbox.flush()?;
        Ok(Waiting { account: account.name, id: claim.id.clone(), state: claim.state, entry: claim.entry.clone() })
    })
    .await
}

/// Sends a message now, whatever it waits for, to all who surely did not get it; `doubts`, or where there is nobody else: also to those of
/// whom that is not known.
pub async fn retry(globals: &Globals, text: &str, doubts: bool, observer: Arc<dyn Observer>) -> Result<Report> {
    let (account, outbox, id) = find(globals, text).await?;
    let claim = {
        let outbox = outbox.clone();
        off_thread("claim a message of the outbox", move || {
            let mut claim = match outbox.claim(&id)? {
                Claimed::Yes(claim) => claim,
                Claimed::Busy => return Err(busy(&id)),
                Claimed::Gone => return Err(gone(&id)),
            };
            send::requeue(&outbox, &mut claim, doubts)?;
            Ok(*claim)
        })
        .await?
    };
    let fallback = settled_of(claim.id.clone(), &claim.entry, Some(State::Queued));
    let delivered = match Door::of(globals, &account, observer.clone()).await {
        Ok(mut door) => {
            let delivered = door.hand_over(&outbox, vec![claim]).await;
            door.close().await;
            delivered
        }
        Err(error) => Delivered { error: Some(error), ..Delivered::default() },
    };
    Ok(report(globals, &account, &outbox, delivered, fallback, observer).await)
}

/// Sends what is due in the outboxes of accounts (none = all that send).
pub async fn flush(globals: &Globals, names: &[String], observers: &Observers<'_>) -> Result<Vec<Flushed>> {
    let mut all = Vec::new();
    for account in account::select(globals, &Target::Named(names.to_vec()))? {
        if account.sends() {
            let mut flushed = flush_one(globals, &account, observers(&account.name), true).await;
            flushed.tell_waiting(&of(&account).await.map_or_else(|_| Vec::new(), |outbox| outbox.messages));
            all.push(flushed);
        }
    }
    Ok(all)
}

/// Sends what is due in the outbox of an account. `asked`: a person or a timer wants it now, also where the server was down a moment ago.
pub(in crate::app) async fn flush_one(globals: &Globals, account: &Account, observer: Arc<dyn Observer>, asked: bool) -> Flushed {
    let mut flushed = Flushed { name: account.name.clone(), reports: Vec::new(), error: None };
    if let Err(error) = work_off(globals, account, &observer, asked, &mut flushed).await {
        flushed.error.get_or_insert(error);
    }
    flushed
}

async fn work_off(globals: &Globals, account: &Account, observer: &Arc<dyn Observer>, asked: bool, flushed: &mut Flushed) -> Result<()> {
    let Some(outbox) = look(account).await? else { return Ok(()) };
    let due = {
        let outbox = outbox.clone();
        off_thread("read the outbox", move || {
            outbox.sweep()?;
            let now = jiff::Timestamp::now();
            Ok(asked || outbox.postponed().is_none_or(|postponed| postponed.next <= now))
        })
        .await?
    };
    let (cut, unreadable) = {
        let outbox = outbox.clone();
        off_thread("read the outbox", move || {
            let (cut, errors) = outbox.cut_off()?;
            Ok((cut.iter().map(send::in_doubt).collect::<Vec<_>>(), errors))
        })
        .await?
    };
    flushed.reports.extend(cut);
    flushed.error = unreadable.into_iter().next();
    let mut door: Option<Door> = None;
    while due && !globals.cancel.is_cancelled() {
        let (claims, errors) = {
            let outbox = outbox.clone();
            off_thread("read the outbox", move || send::claim_due(&outbox, State::Queued, BATCH)).await?
        };
        if let Some(error) = errors.into_iter().next() {
            flushed.error.get_or_insert(error);
        }
        if claims.is_empty() {
            break;
        }
        let door = match &mut door {
            Some(door) => door,
            None => door.insert(Door::of(globals, account, observer.clone()).await?),
        };
        let delivered = door.hand_over(&outbox, claims).await;
        flushed.reports.extend(delivered.settled);
        if let Some(error) = delivered.error {
            return Err(error);
        }
    }
    if let Some(door) = door {
        door.close().await;
    }
    if !globals.cancel.is_cancelled() {
        let found = doubts::settle(globals, account, &outbox, observer.clone()).await?;
        // No doubt is left of those.
        flushed.reports.retain(|report| found.iter().all(|found| found.id != report.id));
        flushed.reports.extend(found);
        copies::file(globals, account, &outbox, observer.clone()).await?;
    }
    Ok(())
}

/// When the outbox of an account is to be looked at again, because of what waits in it.
pub(in crate::app) async fn next_due(account: &Account) -> Option<std::time::Duration> {
    let outbox = of(account).await.ok()?;
    let queued = outbox.messages.iter().filter(|message| message.state == State::Queued);
    let postponed = outbox.postponed.as_ref().map(|postponed| postponed.next);
    let next = queued.map(|message| message.entry.next.max(postponed)).min()?;
    let left = next.map_or(0, |next| next.as_second() - jiff::Timestamp::now().as_second());
    // One that is due and still there is being sent by somebody else, or has just been refused.
    Some(std::time::Duration::from_secs(left.max(SOON).cast_unsigned()))
}

/// The message whose id is `text` or begins with it.
async fn find(globals: &Globals, text: &str) -> Result<(Account, Arc<Outbox>, String)> {
    let mut found = Vec::new();
    for account in account::select(globals, &Target::Named(Vec::new()))? {
        let Some(outbox) = look(&account).await? else { continue };
        for id in outbox.named(text)? {
            found.push((account.clone(), outbox.clone(), id));
        }
    }
    let tried = format!("find the message {text} in the outbox");
    if found.len() > 1 {
        return Err(Error::new(Class::Usage, tried, format!("{} messages begin so", found.len())).hint("give more of its id"));
    }
    found.pop().ok_or_else(|| Error::new(Class::NotFound, tried, "there is no such message").hint("mailx outbox list names them"))
}

fn gone(id: &str) -> Box<Error> {
    Error::new(Class::NotFound, format!("find the message {id} in the outbox"), "it has just been sent or removed")
}

fn busy(id: &str) -> Box<Error> {
    Error::new(Class::Locked, format!("claim the message {id} of the outbox"), "another mailx is sending it now")
        .safe("nothing was touched")
}
