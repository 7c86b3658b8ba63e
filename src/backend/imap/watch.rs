//! Waiting for news: NOTIFY (RFC 5465) for all folders on one connection, else IDLE (RFC 2177) for one of them.
//!
//! A notice is news only where it tells of something else than the last listing of the folders did: so nothing is missed that happened
//! between that listing and the wait, and a server that talks without end about nothing wakes nobody.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backend::Wake;
use crate::model::caps::Push;
use crate::model::{FolderId, Result};
use crate::wire::imap::{Code, Command, DONE, MailboxStatus, Response, SelectWith, Status, StatusKind};

use super::conn::Event;
use super::folders::{handle, plain_handle};
use super::{ImapSession, Opened, limits};

/// What is listened for; the counters of every folder come first.
const LISTEN: &str = "STATUS (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))";
/// What servers tell of their own accord (RFC 5465 §5.1).
const USUAL: &str = "(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))";
/// Longer than any wait: silence is judged by the heartbeat.
const NO_END: Duration = Duration::from_hours(1000);

/// What ended the hearing.
enum Heard {
    /// Something new.
    News,
    /// It was over, or stopped.
    Nothing,
    /// The server has ended the command by itself.
    Ended(StatusKind),
}

/// What is known, to tell news from talk.
struct Known<'a> {
    at: HashSet<&'a FolderId>,
    listed: HashMap<FolderId, MailboxStatus>,
    utf8: bool,
}

/// What was told of folders that no listing had, by the name that was told.
type Strange = HashMap<Vec<u8>, MailboxStatus>;

impl Known<'_> {
    /// Whether a notice tells something new about the folders. What was told of a folder that no listing has is news once: a run that lists
    /// the folders anew makes nothing of the same words.
    fn is_news(&self, response: &Response, strange: &mut Strange) -> bool {
        match response {
            Response::MailboxStatus(status) if self.known(&status.name).next().is_none() => {
                if strange.len() >= limits::FOLDERS {
                    strange.clear();
                }
                strange.insert(status.name.clone(), status.clone()).as_ref() != Some(status)
            }
            Response::MailboxStatus(status) => self.differs(status),
            // A folder was made, renamed or removed; the listing has been told by now.
            Response::List(_) => true,
            Response::Status(Status { code: Some(Code::Other { name, .. }), .. }) => name == "NOTIFICATIONOVERFLOW",
            _ => false,
        }
    }

    /// The folders of the listing that a name may mean: one, but where it can be read in two ways.
    fn known(&self, name: &[u8]) -> impl Iterator<Item = (FolderId, &MailboxStatus)> {
        let is_inbox = name.eq_ignore_ascii_case(b"INBOX");
        let read = if is_inbox { FolderId(b"INBOX".to_vec()) } else { handle(name, self.utf8) };
        let plain = plain_handle(name).filter(|plain| *plain != read);
        std::iter::once(read).chain(plain).filter_map(|id| self.listed.get(&id).map(|known| (id, known)))
    }

    fn differs(&self, status: &MailboxStatus) -> bool {
        let differ = |told: Option<u64>, known: Option<u64>| told.is_some() && told != known;
        self.known(&status.name).all(|(id, known)| {
            self.at.contains(&id)
                && (differ(status.messages, known.messages)
                    || differ(status.uid_next, known.uid_next)
                    || differ(status.uid_validity, known.uid_validity)
                    || differ(status.highest_mod_seq, known.highest_mod_seq))
        })
    }
}

impl ImapSession {
    pub(super) async fn wait_for_news(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Wake> {
        if self.caps.has("NOTIFY") {
            match self.listen(at, until, stop).await? {
                Some(wake) => return Ok(wake),
                None => self.forget_push("NOTIFY"),
            }
        }
        if let Some(folder) = at.first().filter(|_| self.caps.has("IDLE")) {
            match self.idle(folder, until, stop).await? {
                Some(wake) => return Ok(wake),
                None => self.forget_push("IDLE"),
            }
        }
        // The capabilities say by now that the server must be asked.
        Ok(Wake::Quiet)
    }

    fn forget_push(&mut self, name: &'static str) {
        self.caps.forget(&[name]);
        self.declared.push = self.caps.caps(self.declared.sessions).push;
        debug_assert!(!matches!(self.declared.push, Push::Folders { .. }));
    }

    /// Listens to all folders; `None` = the server does not let us.
    async fn listen(&mut self, at: &[FolderId], until: Instant, stop: &CancellationToken) -> Result<Option<Wake>> {
        // A folder that is selected is told of in another way, without counters.
        if self.selected.is_some() {
            if !self.caps.has("UNSELECT") {
                return Ok(None);
            }
            self.selected = None;
            self.conn.queue(&Command::Unselect)?;
        }
        // Without it changes of flags have no counter, and are not told.
        if self.caps.has("CONDSTORE") && self.caps.has("ENABLE") && !std::mem::replace(&mut self.counts_changes, true) {
            self.conn.queue(&Command::Enable(&["CONDSTORE"]))?;
        }
        let known = Known { at: at.iter().collect(), listed: self.listed.clone(), utf8: self.utf8 };
        // A session that is lost has nothing to remember.
        let mut strange = std::mem::take(&mut self.strange);
        let mut is_news = |response: &Response| known.is_news(response, &mut strange);
        let mut news = false;
        self.notified = true;
        let status = self.conn.run(&Command::NotifySet(LISTEN), |response| news |= is_news(&response)).await?;
        if status.kind != StatusKind::Ok {
            return Ok(None);
        }
        while !news {
            let heard = self.hear(None, self.next_beat(until), stop, &mut is_news).await?;
            news = matches!(heard, Heard::News);
            if self.ctx.cancel.is_cancelled() {
                // As for IDLE.
                break;
            }
            if !news {
                self.conn.run(&Command::Noop, |response| news |= is_news(&response)).await?;
                if self.is_over(until, stop) {
                    break;
                }
            }
        }
        self.strange = strange;
        // Nobody waits for the answer: it comes before that to whatever is asked next.
        self.conn.queue(&Command::NotifySet(USUAL))?;
        Ok(Some(if news { Wake::Changed } else { Wake::Quiet }))
    }

    /// Watches one folder; `None` = the server does not let us.
    async fn idle(&mut self, folder: &FolderId, until: Instant, stop: &CancellationToken) -> Result<Option<Wake>> {
        let tag = self.queue_select(folder, true, SelectWith::Nothing)?;
        let mut opened = Opened::default();
        let status = self.conn.complete(&tag, &mut |response| opened.take(&response)).await?;
        if self.selected_by(folder, true, &status, &opened).is_err() || self.has_moved_on(folder, &opened) {
            return Ok(Some(Wake::Changed));
        }
        let mut exists = opened.exists;
        let mut is_news = move |response: &Response| match response {
            Response::Exists(n) => exists.replace(*n) != Some(*n),
            Response::Expunge(_) | Response::Fetch(_) | Response::Vanished { .. } => true,
            _ => false,
        };
        loop {
            let begun = Instant::now();
            let tag = self.conn.queue(&Command::Idle)?;
            let (mut news, mut refused) = (false, None);
            while refused.is_none() {
                match self.conn.event().await? {
                    Event::Response(Response::Continue { .. }) => break,
                    Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(&tag) => refused = Some(status),
                    Event::Response(response) => news |= is_news(&response),
                    _ => {}
                }
            }
            match refused {
                Some(_) if news => return Ok(Some(Wake::Changed)),
                Some(_) => return Ok(None),
                None => {}
            }
            if !news {
                match self.hear(Some(&tag), self.next_beat(until), stop, &mut is_news).await? {
                    Heard::News => news = true,
                    Heard::Nothing => {}
                    Heard::Ended(StatusKind::Ok) => {
                        // What happens meanwhile is told when the next one begins.
                        pause(begun + limits::IDLE_AGAIN, stop, &self.ctx.cancel).await;
                        if self.is_over(until, stop) {
                            return Ok(Some(Wake::Quiet));
                        }
                        continue;
                    }
                    Heard::Ended(_) => return Ok(None),
                }
            }
            self.conn.raw(DONE);
            if news {
                // Nobody waits for its end.
                return Ok(Some(Wake::Changed));
            }
            if self.ctx.cancel.is_cancelled() {
                // The session is about to be closed; a server that talks without end would not let it.
                return Ok(Some(Wake::Quiet));
            }
            news = self.last_words(&tag, &mut is_news).await?;
            if news || self.is_over(until, stop) {
                return Ok(Some(if news { Wake::Changed } else { Wake::Quiet }));
            }
        }
    }

    /// What comes until the server has ended IDLE: whether it was news.
    async fn last_words(&mut self, tag: &str, is_news: &mut (dyn FnMut(&Response) -> bool + Send)) -> Result<bool> {
        let mut news = false;
        for _ in 0..limits::IDLE_LAST_WORDS {
            match self.conn.event().await? {
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(tag) => return Ok(news),
                Event::Response(response) => news |= is_news(&response),
                _ => {}
            }
        }
        Err(self.conn.broke("talks on where it was asked to end IDLE", &[]))
    }

    /// Whether a folder is not any more what the last listing told of it.
    fn has_moved_on(&self, folder: &FolderId, opened: &Opened) -> bool {
        let told = MailboxStatus {
            name: self.wire_name(folder),
            messages: opened.exists.map(u64::from),
            uid_next: opened.uid_next,
            uid_validity: opened.uid_validity,
            highest_mod_seq: opened.mod_seq,
            ..MailboxStatus::default()
        };
        Known { at: HashSet::from([folder]), listed: self.listed.clone(), utf8: self.utf8 }.differs(&told)
    }

    fn next_beat(&self, until: Instant) -> Instant {
        until.min(Instant::now() + limits::HEARTBEAT.min(self.ctx.silence * limits::HEARTBEAT_SILENCES))
    }

    fn is_over(&self, until: Instant, stop: &CancellationToken) -> bool {
        Instant::now() >= until || stop.is_cancelled() || self.ctx.cancel.is_cancelled()
    }

    /// Hears what the server says of its own accord, until something is news; `tag` is that of the command that stands.
    async fn hear(
        &mut self,
        tag: Option<&str>,
        until: Instant,
        stop: &CancellationToken,
        is_news: &mut (dyn FnMut(&Response) -> bool + Send),
    ) -> Result<Heard> {
        let silence = self.conn.bear(NO_END);
        let cancel = self.ctx.cancel.clone();
        let mut talk = 0;
        let heard = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(Heard::Nothing),
                () = cancel.cancelled() => break Ok(Heard::Nothing),
                // Dropping it loses nothing: what came is in the buffer.
                event = self.conn.event() => match event {
                    Ok(Event::Response(Response::Status(status))) if tag.is_some() && status.tag.as_deref() == tag => {
                        break Ok(Heard::Ended(status.kind));
                    }
                    Ok(Event::Response(response)) if is_news(&response) => break Ok(Heard::News),
                    Ok(_) => talk += 1,
                    Err(error) => break Err(error),
                },
                () = sleep_until(until) => break Ok(Heard::Nothing),
            }
            if talk >= limits::IDLE_TALK {
                talk = 0;
                pause(Instant::now() + limits::IDLE_TALK_REST, stop, &cancel).await;
            }
        };
        self.conn.bear(silence);
        heard
    }
}

/// Does nothing until then, or until stopped.
async fn pause(until: Instant, stop: &CancellationToken, cancel: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = cancel.cancelled() => {}
        () = sleep_until(until) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_news_of_a_folder_that_takes_part_or_was_made_since_the_listing() {
        let id = |name: &str| FolderId(name.as_bytes().to_vec());
        let status = |name: &str, messages| MailboxStatus { name: name.into(), messages: Some(messages), ..MailboxStatus::default() };
        let (inbox, listed) = (id("INBOX"), ["INBOX", "Left out"].map(|name| (id(name), status(name, 1))));
        let known = Known { at: HashSet::from([&inbox]), listed: HashMap::from(listed), utf8: false };
        let strange = &mut Strange::new();
        let mut is_news = |name, messages| known.is_news(&Response::MailboxStatus(status(name, messages)), strange);
        for (name, messages, news) in [("inbox", 1, false), ("INBOX", 2, true), ("Left out", 2, false), ("New", 0, true)] {
            assert_eq!(is_news(name, messages), news, "{name}");
        }
        // A run has listed the folders, and there is none of that name: the same is no news again.
        assert!(!is_news("New", 0) && is_news("New", 1) && !is_news("New", 1));
    }

    #[test]
    fn a_folder_is_known_by_its_name_as_it_is_listed_and_as_dovecot_tells_it() {
        let id = |name: &str| FolderId(name.as_bytes().to_vec());
        let status = |name: &str, messages| MailboxStatus { name: name.into(), messages: Some(messages), ..MailboxStatus::default() };
        let names = ["Entw&APw-rfe", "R&-D", "Gr&APw-n/S&APw-b", "&AOk-", "&-AOk-"];
        let ids = names.map(id);
        // Handles are in modified UTF-7 whatever the connection speaks.
        for utf8 in [false, true] {
            let listed = ids.iter().zip(names).map(|(id, name)| (id.clone(), status(name, 1))).collect();
            let known = Known { at: ids.iter().collect(), listed, utf8 };
            let spelled: &[&str] = if utf8 { &["é"] } else { &names };
            for told in ["Entwürfe", "R&D", "Grün/Süb", "é"].iter().chain(spelled) {
                for (messages, news) in [(1, false), (2, true)] {
                    let told_of = status(told, messages);
                    assert_eq!(known.is_news(&Response::MailboxStatus(told_of), &mut Strange::new()), news, "{told}, {utf8}");
                }
            }
        }
    }
}
