//! What changed in folders: opened and listed in one pipeline, one bounded page each.

use crate::backend::LookAt;
use crate::model::{Change, Class, Error, FlagState, Harvest, HarvestKind, Listed, Need, PermanentId, Result, Scope};
use crate::wire::imap::{Command, Fetch, MailboxStatus, Response, StatusKind, UidSet, Uids};

use super::conn::Event;
use super::cursor::Position;
use super::{ImapSession, Opened, limits, remote_id, work_on};

/// One folder's look under way.
struct Look {
    /// Index into `at`.
    index: usize,
    select: String,
    list: String,
    from: Option<Position>,
    /// First UID asked for, and the last one; `None` = no end.
    first: u32,
    last: Option<u32>,
    opened: Opened,
    /// (UID, sequence number) of what came.
    seen: Vec<(u32, u32)>,
    /// A message came without its UID.
    anonymous: bool,
    /// Messages went while the listing came, so that sequence numbers shifted in it (RFC 3501 §7.4.1 allows that in UID FETCH).
    shifted: bool,
    selected: Option<std::result::Result<(), String>>,
}

impl ImapSession {
    pub(super) async fn look(&mut self, at: &[LookAt], out: &mut (dyn FnMut(usize, Change) + Send)) -> Result<Vec<Result<Harvest>>> {
        let mut harvests: Vec<Result<Harvest>> = Vec::with_capacity(at.len());
        for (n, batch) in at.chunks(limits::FOLDERS_IN_FLIGHT).enumerate() {
            let mut looks = Vec::with_capacity(batch.len());
            let mut failed = Vec::new();
            for (i, look) in batch.iter().enumerate() {
                match self.begin_look(n * limits::FOLDERS_IN_FLIGHT + i, look) {
                    Ok(look) => looks.push(look),
                    // A name that no command can carry.
                    Err(error) => failed.push((i, error)),
                }
            }
            let mut done: Vec<Option<Result<Harvest>>> = batch.iter().map(|_| None).collect();
            for (i, error) in failed {
                done[i] = Some(Err(error));
            }
            let mut afresh = Vec::new();
            for mut look in looks {
                let which = look.index - n * limits::FOLDERS_IN_FLIGHT;
                let index = look.index;
                match self.end_look(&mut look, &at[index], out).await? {
                    Some(harvest) => done[which] = Some(harvest),
                    None => afresh.push((which, look.opened.validity())),
                }
            }
            // Folders in another epoch than their cursor: what came was not theirs, so they begin again, from nothing.
            for (which, epoch) in afresh {
                let look = LookAt { cursor: None, ..batch[which].clone() };
                let told = self.listed.remove(&look.folder).and_then(|status| status.uid_validity);
                self.paged.remove(&look.folder);
                let mut again = self.begin_look(n * limits::FOLDERS_IN_FLIGHT + which, &look)?;
                let harvest = self.end_look(&mut again, &look, out).await?;
                // STATUS and SELECT may differ; marks of another epoch must not say "nothing changed" later.
                let doubtful = |h: &Harvest| h.doubtful || Position::decode(&h.cursor).map(|p| u64::from(p.uid_validity)) != told;
                done[which] = match harvest {
                    // Another one again: the ids of neither will hold until the bodies are asked for.
                    Some(Ok(_)) if again.opened.validity() != epoch => Some(Err(self.renumbered(&look.folder))),
                    harvest => harvest.map(|h| h.map(|h| Harvest { restarted: true, doubtful: doubtful(&h), ..h })),
                };
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

    fn begin_look(&mut self, index: usize, look: &LookAt) -> Result<Look> {
        let from = look.cursor.as_ref().and_then(Position::decode).filter(|p| p.uid_validity != 0 && look.need == Need::Additions);
        let first = from.map_or(1, |p| p.next);
        let last = last_of_page(first, self.listed.get(&look.folder));
        let items = self.list_items();
        let select = self.queue_select(&look.folder, true)?;
        let set = last.map(|last| UidSet::from_ranges(vec![(first, last)]));
        let uids = set.as_ref().map_or(Uids::From(first), Uids::Set);
        let list = self.conn.queue(&Command::UidFetch { uids, items })?;
        Ok(Look {
            index,
            select,
            list,
            from,
            first,
            last,
            opened: Opened::default(),
            seen: Vec::new(),
            anonymous: false,
            shifted: false,
            selected: None,
        })
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

    /// The end of a look; `None` when the folder is in another epoch than the cursor.
    async fn end_look(
        &mut self,
        look: &mut Look,
        at: &LookAt,
        out: &mut (dyn FnMut(usize, Change) + Send),
    ) -> Result<Option<Result<Harvest>>> {
        let silence = std::mem::replace(&mut self.conn.silence, self.ctx.silence * limits::WORK);
        let listed = loop {
            match self.conn.event().await? {
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(&look.select) => {
                    look.selected = Some(match self.selected_by(&at.folder, true, &status, &look.opened) {
                        Ok(()) => Ok(()),
                        Err(error) => Err(error.failed),
                    });
                }
                Event::Response(Response::Status(status)) if status.tag.as_deref() == Some(&look.list) => break status,
                Event::Response(Response::Fetch(fetch)) if look.in_epoch() => look.take(*fetch, out),
                Event::Response(response) => {
                    look.shifted |= matches!(response, Response::Expunge(_) | Response::Vanished { earlier: false, .. });
                    look.opened.take(&response);
                }
                Event::Body(bytes) => self.conn.unasked(bytes.len() as u64),
                _ => {}
            }
        };
        self.conn.silence = silence;
        if let Some(Err(text)) = &look.selected {
            return Ok(Some(Err(self.folder_error(&at.folder, "it cannot be looked into", text))));
        }
        // RFC 3501 allows BAD or NO for an empty folder's range; Exchange does that.
        if listed.kind != StatusKind::Ok && look.opened.exists != Some(0) {
            return Ok(Some(Err(self.folder_error(&at.folder, "the server does not list it", &listed.text))));
        }
        if !look.in_epoch() {
            return Ok(None);
        }
        // A cursor that was not used, because everything is asked for, is not void for that.
        let same = |p: Position| p.uid_validity != 0 && p.uid_validity == look.opened.validity();
        let void = at.cursor.as_ref().is_some_and(|cursor| !Position::decode(cursor).is_some_and(same));
        let paged = self.paged.remove(&at.folder);
        let harvest = match look.harvest(self.listed.get(&at.folder), paged) {
            Ok((harvest, paged)) => {
                if let Some(paged) = paged {
                    if look.seen.is_empty() {
                        // The counters promised more than this: the rest at once, or a lie would be paged through for hours.
                        self.listed.remove(&at.folder);
                    }
                    self.paged.insert(at.folder.clone(), paged);
                }
                Ok(Harvest { restarted: void, ..harvest })
            }
            Err(text) => Err(Error::new(Class::Protocol, work_on(&at.folder), format!("the server's listing makes no sense: {text}"))
                .scope(Scope::Folder)),
        };
        Ok(Some(harvest))
    }
}

/// What the pages of a folder have shown so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paged {
    /// They began with the first UID.
    from_one: bool,
    /// Above the highest UID that was seen, or that was known before.
    next: u32,
    count: u64,
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

impl Look {
    /// Whether the folder was opened and is in the epoch that was asked for.
    fn in_epoch(&self) -> bool {
        matches!(self.selected, Some(Ok(()))) && self.from.is_none_or(|from| from.uid_validity == self.opened.validity())
    }

    fn take(&mut self, fetch: Fetch, out: &mut (dyn FnMut(usize, Change) + Send)) {
        let Some(uid) = fetch.uid else {
            self.anonymous |= fetch.size.is_some();
            return;
        };
        // `n:*` also gives the last message when it is below n; unsolicited data has no size.
        let wanted = uid >= self.first && self.last.is_none_or(|last| uid <= last) && fetch.size.is_some() | fetch.internal_date.is_some();
        if !wanted {
            return;
        }
        self.seen.push((uid, fetch.seq));
        let flags = fetch.flags.unwrap_or_default();
        let (flags, dropped) = FlagState::from_imap(flags.iter().map(String::as_str));
        if dropped > 0 || fetch.flags_dropped > 0 {
            tracing::debug!(uid, "keywords over the limit were left out");
        }
        let gmail = fetch.gm_msgid.map(|id| PermanentId(format!("gm:{id}").into()));
        let permanent = fetch.email_id.map(PermanentId).or(gmail);
        out(self.index, Change::Present(Listed { id: remote_id(uid), size: fetch.size, date: fetch.internal_date, flags, permanent }));
    }

    /// The harvest of this page, and what the next page must know of the pages so far, where one follows.
    fn harvest(
        &mut self,
        status: Option<&MailboxStatus>,
        paged: Option<Paged>,
    ) -> std::result::Result<(Harvest, Option<Paged>), &'static str> {
        if self.anonymous {
            return Err("a message without a UID");
        }
        let validity = self.opened.validity();
        self.seen.sort_unstable();
        if self.shifted {
            self.seen.dedup_by_key(|(uid, _)| *uid);
        } else {
            self.seen.dedup();
        }
        if self.seen.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("two messages with one UID");
        }
        if !self.shifted && self.seen.windows(2).any(|pair| pair[0].1 >= pair[1].1) {
            return Err("UIDs that do not ascend");
        }
        let more = self.last.is_some();
        let whole = self.first == 1 && !more;
        let before = paged.unwrap_or(Paged { from_one: self.first == 1, next: self.first, count: 0 });
        let paged = Paged {
            next: self.seen.last().map_or(before.next, |(uid, _)| uid.saturating_add(1).max(before.next)),
            count: before.count + self.seen.len() as u64,
            ..before
        };
        let exists = u64::from(self.opened.exists.unwrap_or(0));
        let short = paged.from_one && !more && paged.count < exists;
        let lied = status.is_some_and(|s| {
            s.uid_next.is_some_and(|next| next < u64::from(paged.next)) || s.uid_validity.is_some_and(|v| v != u64::from(validity))
        });
        // After the last page not the page's end counts but the highest UID: UIDNEXT may have lied. A listing that is shorter than the
        // folder is no ground to stand on: the next look is at the whole folder again.
        let next = match self.last {
            Some(last) => last + 1,
            None if short => 1,
            None => paged.next,
        };
        let mod_seq = match self.from {
            Some(from) => from.mod_seq,
            None => self.opened.mod_seq.unwrap_or(0),
        };
        let harvest = Harvest {
            cursor: Position { uid_validity: validity, next, mod_seq }.encode(),
            kind: if whole { HarvestKind::Whole } else { HarvestKind::Delta },
            restarted: false,
            more,
            doubtful: lied || validity == 0 || short,
            passing_ids: validity == 0,
        };
        Ok((harvest, more.then_some(paged)))
    }
}
