//! What changed in folders: opened and listed in one pipeline, one bounded page each.
//!
//! What is new is listed from the cursor on. Flag changes and removals are told by the strongest way that the server has: QRESYNC tells both
//! in the answer to EXAMINE, CONDSTORE the flags (and a search what is there, where the counters say that something went), and any server
//! the flags of all. The stronger ones are accelerators: whatever contradicts the server's own counters, or what it said before, is
//! dropped, and the next weaker way is gone.

mod harvest;
mod known;
mod look;

use crate::backend::LookAt;
use crate::model::{Change, Class, Error, Harvest, Need, Result, Scope};
use crate::wire::imap::{Command, MailboxStatus, Response, SelectWith, Status, StatusKind, UidSet, Uids};

use super::conn::Event;
use super::cursor::Position;
use super::{ImapSession, limits, work_on};
use known::{Way, known_sets};
use look::Look;

pub(super) use harvest::Paged;
pub(super) use known::Resync;

/// What a look came to.
enum Verdict {
    Done(Result<Harvest>),
    /// The folder is in another epoch than the cursor.
    OtherEpoch,
    /// It must be asked in another way.
    Again(Way),
}

/// A folder of a batch that is still to be looked at.
struct Task {
    /// Which one of the batch.
    which: usize,
    at: LookAt,
    /// The way, where an earlier one did not do.
    way: Option<Way>,
    /// Set where it begins anew because it is in another epoch: the UIDVALIDITY that the listing told, 0 for none, and the one that it
    /// was opened in.
    afresh: Option<(u64, u32)>,
}

impl ImapSession {
    pub(super) async fn look(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        if at.iter().any(|look| look.need == Need::Everything) {
            self.enable_resync()?;
        }
        let mut harvests: Vec<Result<Harvest>> = Vec::with_capacity(at.len());
        for (n, batch) in at.chunks(limits::FOLDERS_IN_FLIGHT).enumerate() {
            let mut done: Vec<Option<Result<Harvest>>> = batch.iter().map(|_| None).collect();
            let task = |(which, at): (usize, &LookAt)| Task { which, at: at.clone(), way: None, afresh: None };
            let mut tasks: Vec<Task> = batch.iter().enumerate().map(task).collect();
            while !tasks.is_empty() {
                tasks = self.round(n * limits::FOLDERS_IN_FLIGHT, tasks, &mut done, out).await?;
            }
            // Each in its place, whatever the server does: a harvest that slid to another folder would be taken for its.
            harvests.extend(done.into_iter().zip(batch).map(|(harvest, look)| {
                harvest.unwrap_or_else(|| {
                    Err(self.folder_error(&look.folder, "it cannot be looked into", "the server listed it before it had opened it"))
                })
            }));
        }
        Ok(harvests)
    }

    /// Looks at all of them in one pipeline; what is to be done again.
    async fn round(
        &mut self,
        base: usize,
        tasks: Vec<Task>,
        done: &mut [Option<Result<Harvest>>],
        out: &mut (dyn FnMut(usize, Change) + Send),
    ) -> Result<Vec<Task>> {
        let mut begun = Vec::with_capacity(tasks.len());
        for task in tasks {
            match self.begin_look(base + task.which, &task) {
                Ok(look) => begun.push((task, look)),
                // A name that no command can carry.
                Err(error) => done[task.which] = Some(Err(error)),
            }
        }
        let mut again = Vec::new();
        for (task, mut look) in begun {
            match self.end_look(&mut look, &task.at, out).await? {
                // Another one again: the ids of neither will hold until the bodies are asked for.
                Verdict::Done(Ok(_)) if task.afresh.is_some_and(|(_, epoch)| epoch != look.opened.validity()) => {
                    done[task.which] = Some(Err(self.renumbered(&task.at.folder)));
                }
                Verdict::Done(harvest) => done[task.which] = Some(harvest.map(|harvest| task.tell(harvest))),
                Verdict::Again(way) => again.push(Task { way: Some(way), ..task }),
                // What came was not of this epoch, so it begins again, from nothing.
                Verdict::OtherEpoch if task.afresh.is_none() => {
                    let told = self.listed.remove(&task.at.folder).and_then(|status| status.uid_validity).unwrap_or(0);
                    self.paged.remove(&task.at.folder);
                    again.push(Task {
                        at: LookAt { cursor: None, ..task.at },
                        way: None,
                        afresh: Some((told, look.opened.validity())),
                        ..task
                    });
                }
                Verdict::OtherEpoch => {}
            }
        }
        Ok(again)
    }

    fn begin_look(&mut self, index: usize, task: &Task) -> Result<Look> {
        let at = &task.at;
        let from = at.cursor.as_ref().and_then(Position::decode).filter(|p| p.uid_validity != 0);
        let first = from.map_or(1, |p| p.next);
        let status = self.listed.get(&at.folder);
        let (last, messages) = (last_of_page(first, status), status.and_then(|s| s.messages));
        let way = task.way.unwrap_or_else(|| self.way(at, from, last.is_some()));
        let with = match (way, from) {
            (Way::Resync, Some(from)) => SelectWith::QResync { uid_validity: from.uid_validity, mod_seq: from.mod_seq, known: None },
            _ if at.need == Need::Everything && self.caps.mod_seqs() => SelectWith::CondStore,
            _ => SelectWith::Nothing,
        };
        let items = self.list_items();
        let mut look = Look::new(index, at.need, way, from, first, last);
        look.parameters = !matches!(with, SelectWith::Nothing);
        look.select = self.queue_select(&at.folder, true, with)?;
        if let Some(since) = way.asks_flags(from) {
            for set in known_sets(first, messages) {
                look.known_tags.push(self.conn.queue(&Command::UidFetch { uids: Uids::Set(&set), items: &since })?);
            }
        }
        if way == (Way::Changed { search: true }) {
            look.esearch = self.caps.has("ESEARCH");
            let (returns, criteria): (&[&str], _) =
                (if look.esearch { &["ALL"] } else { &[] }, format!("UID 1:{}", first.saturating_sub(1)));
            look.search_tag = Some(self.conn.queue(&Command::UidSearch { returns, criteria: &criteria })?);
        }
        let set = last.map(|last| UidSet::from_ranges(vec![(first, last)]));
        let uids = set.as_ref().map_or(Uids::From(first), Uids::Set);
        look.list = self.conn.queue(&Command::UidFetch { uids, items })?;
        Ok(look)
    }

    fn list_items(&self) -> &'static str {
        if self.caps.has("OBJECTID") {
            "(UID FLAGS INTERNALDATE RFC822.SIZE EMAILID)"
        } else if self.caps.has("X-GM-EXT-1") {
            "(UID FLAGS INTERNALDATE RFC822.SIZE X-GM-MSGID)"
        } else {
            "(UID FLAGS INTERNALDATE RFC822.SIZE)"
        }
    }

    /// Takes the answers of a look, and judges them.
    async fn end_look(&mut self, look: &mut Look, at: &LookAt, out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Verdict> {
        let silence = self.conn.bear(self.ctx.silence * limits::WORK);
        while !look.is_answered() {
            match self.conn.event().await? {
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(&look.select) => {
                    let opened = self.selected_by(&at.folder, true, &status, &look.opened);
                    look.is_open(opened.map_err(|error| (status.kind, error.failed)));
                }
                Event::Response(Response::Status(status)) if status.tag.is_some() => look.answer(status),
                Event::Response(Response::Fetch(fetch)) => look.take(*fetch, out),
                Event::Response(Response::Enabled(names)) => self.resync.enabled(&names),
                Event::Response(response) => look.other(response, self.resync),
                Event::Body(bytes) => self.conn.unasked(bytes.len() as u64),
                _ => {}
            }
        }
        self.conn.bear(silence);
        Ok(self.judge(look, at, out))
    }

    fn judge(&mut self, look: &mut Look, at: &LookAt, out: &mut (dyn FnMut(usize, Change) + Send)) -> Verdict {
        if let Some(Err((kind, text))) = &look.selected {
            // It does not know the parameter after all.
            if *kind == StatusKind::Bad && look.parameters {
                self.caps.forget(if look.way == Way::Resync { &["QRESYNC"] } else { &["CONDSTORE", "QRESYNC"] });
                return Verdict::Again(look.way.weaker(self.caps.mod_seqs()));
            }
            return Verdict::Done(Err(self.folder_error(&at.folder, "it cannot be looked into", text)));
        }
        // RFC 3501 allows BAD or NO for an empty folder's range; Exchange does that.
        if let Some(Status { text, .. }) = look.refused_listing().filter(|_| look.opened.exists != Some(0)) {
            return Verdict::Done(Err(self.folder_error(&at.folder, "the server does not list it", text)));
        }
        if !look.in_epoch() {
            return Verdict::OtherEpoch;
        }
        look.sort();
        if let Some((way, forget)) = look.next_way() {
            tracing::debug!(?way, ?forget, "the way to ask for changes did not do");
            self.caps.forget(forget);
            return Verdict::Again(way);
        }
        let same = |p: Position| p.uid_validity != 0 && p.uid_validity == look.opened.validity();
        let void = at.cursor.as_ref().is_some_and(|cursor| !Position::decode(cursor).is_some_and(same));
        let paged = self.paged.remove(&at.folder).filter(|paged| look.continues(paged));
        let harvest = match look.harvest(self.listed.get(&at.folder), paged) {
            Ok((harvest, paged)) => {
                if let Some(paged) = paged {
                    if look.came_to_nothing() {
                        // The counters promised more than this: the rest at once, or a lie would be paged through for hours.
                        self.listed.remove(&at.folder);
                    }
                    self.paged.insert(at.folder.clone(), paged);
                }
                look.tell_held(out);
                Ok(Harvest { restarted: void, ..harvest })
            }
            Err(text) => Err(Error::new(Class::Protocol, work_on(&at.folder), format!("the server's listing makes no sense: {text}"))
                .scope(Scope::Folder)),
        };
        Verdict::Done(harvest)
    }
}

impl Task {
    /// STATUS and SELECT may differ; marks of another epoch must not say "nothing changed" later.
    fn tell(&self, harvest: Harvest) -> Harvest {
        let Some((told, _)) = self.afresh else { return harvest };
        let doubtful = harvest.doubtful || Position::decode(&harvest.cursor).is_none_or(|p| u64::from(p.uid_validity) != told);
        Harvest { restarted: true, doubtful, ..harvest }
    }
}

/// The last UID of the page that starts at `first`: pages hold about [`limits::PAGE`] messages by the folder's density. `None`: the rest
/// fits in one page.
fn last_of_page(first: u32, status: Option<&MailboxStatus>) -> Option<u32> {
    let status = status.filter(|s| s.uid_validity.is_some_and(|v| v != 0))?;
    let (messages, next) = (status.messages?, status.uid_next?);
    let left = next.saturating_sub(u64::from(first));
    if messages <= limits::PAGE || left <= limits::PAGE {
        return None;
    }
    let width = (limits::PAGE.saturating_mul(next) / messages.max(1)).max(limits::PAGE);
    (width < left).then(|| u64::from(first).saturating_add(width).min(u64::from(u32::MAX - 1)) as u32)
}
