//! The folder list with its counters, in one round trip where the server can.

use std::collections::HashMap;

use crate::backend::FolderInfo;
use crate::model::quota::Quota;
use crate::model::{FolderId, FolderPath, Result, Role};
use crate::wire::imap::{Command, ListItem, ListReturn, MailboxStatus, Response, StatusKind, decode_name, encode_name};

use super::ImapSession;
use super::conn::Event;
use super::cursor::marks;
use super::limits;

/// Names that mean a special use where the server does not say so (RFC 6154 is optional).
const USUAL_NAMES: [(Role, &[&str]); 5] = [
    (Role::Sent, &["sent", "sent items", "sent messages", "sent mail"]),
    (Role::Trash, &["trash", "deleted items", "deleted messages", "bin"]),
    (Role::Junk, &["junk", "spam", "junk e-mail", "junk email", "bulk mail"]),
    (Role::Drafts, &["drafts", "draft"]),
    (Role::Archive, &["archive", "archives"]),
];

impl ImapSession {
    pub(super) async fn list_folders(&mut self, sizes: bool) -> Result<Vec<FolderInfo>> {
        let mut items = vec!["MESSAGES", "UIDNEXT", "UIDVALIDITY"];
        if self.caps.mod_seqs() {
            items.push("HIGHESTMODSEQ");
        }
        if sizes && self.caps.has("STATUS=SIZE") {
            items.push("SIZE");
        }
        let extended = self.caps.has("LIST-EXTENDED");
        let mut in_one = extended && self.caps.has("LIST-STATUS");
        let mut returns = ListReturn {
            special_use: extended && self.caps.has("SPECIAL-USE"),
            subscribed: false,
            status: if in_one { &items } else { &[] },
        };
        // The counters of the selected folder are as old as the last look at it (RFC 9051 §6.3.11) unless it is polled first; and that
        // is not pipelined, because Dovecot puts the poll off when more commands wait.
        if self.selected.is_some() {
            self.conn.run(&Command::Noop, drop).await?;
        }
        if self.caps.has("ID") && !std::mem::replace(&mut self.introduced, true) {
            // Some servers (163.com) open no folder for a client that has not said who it is. Nobody waits for the answer.
            self.conn.queue(&Command::Id(&[("name", "mailx"), ("version", env!("CARGO_PKG_VERSION"))]))?;
        }
        let list = self.conn.queue(&Command::List { reference: b"", pattern: b"*", returns })?;
        // Behind it, so it costs no round trip: some servers list nothing of the user's own below the empty reference.
        let namespace = if self.caps.has("NAMESPACE") { Some(self.conn.queue(&Command::Namespace)?) } else { None };

        let mut found = Found { plain: self.notified && !self.utf8, ..Found::default() };
        let mut status = self.conn.complete(&list, &mut |response| found.take(response)).await?;
        if let Some(tag) = &namespace {
            self.conn.complete(tag, &mut |response| found.take(response)).await?;
        }
        if status.kind != StatusKind::Ok && extended {
            // It offers what it does not understand: the plain command, which every server knows, and STATUS.
            self.caps.forget(&["LIST-EXTENDED", "LIST-STATUS"]);
            (in_one, returns, found.items) = (false, ListReturn::default(), Vec::new());
            status = self.conn.run(&Command::List { reference: b"", pattern: b"*", returns }, |response| found.take(response)).await?;
        }
        if status.kind != StatusKind::Ok {
            return Err(self.conn.broke(&format!("refused to list its folders: {}", status.text), &[]));
        }
        if namespace.is_some() {
            for prefix in found.unlisted() {
                let command = Command::List { reference: b"", pattern: &[&prefix[..], b"*"].concat(), returns };
                self.conn.run(&command, |response| found.take(response)).await?;
            }
        }
        if found.items.len() > limits::FOLDERS {
            return Err(self.conn.broke(&format!("lists more than {} folders", limits::FOLDERS), &[]));
        }
        found.tidy();
        if !in_one {
            self.ask_status(&mut found, &items).await?;
        }
        Ok(self.infos(found))
    }

    /// STATUS of every folder, pipelined.
    async fn ask_status(&mut self, found: &mut Found, items: &[&str]) -> Result<()> {
        let names: Vec<Vec<u8>> = found.items.iter().map(|item| item.name.clone()).collect();
        for batch in names.chunks(limits::FOLDERS_IN_FLIGHT * 8) {
            for mailbox in batch {
                // A name that no command can carry is reported by the look into the folder.
                let _ = self.conn.queue(&Command::Status { mailbox, items });
            }
            while self.conn.under_way() > 0 {
                if let Event::Response(response) = self.conn.event().await? {
                    found.take(response);
                }
            }
        }
        Ok(())
    }

    fn infos(&mut self, found: Found) -> Vec<FolderInfo> {
        let told =
            found.items.iter().any(|item| item.attributes.iter().any(|a| Role::from_attribute(a).is_some_and(|r| r != Role::Archive)));
        self.listed.clear();
        self.levels = Levels { prefix: found.personal.into_iter().next().unwrap_or_default(), ..Levels::default() };
        let mut infos = Vec::with_capacity(found.items.len());
        for item in found.items {
            let Some(path) = path(&item, self.utf8) else { continue };
            let status = found.counters.get(&item.name).cloned().unwrap_or_default();
            let id = handle(&item.name, self.utf8);
            self.levels.add(path.clone(), id.clone(), item.delimiter);
            let role = if path.is_inbox() { Some(Role::Inbox) } else { role(&item, &path, told) };
            if role == Some(Role::Trash) {
                self.trash = Some(id.clone());
            }
            infos.push(FolderInfo { id: id.clone(), path, role, messages: status.messages, octets: status.size, marks: marks(&status) });
            self.listed.insert(id, status);
        }
        infos.sort_by_cached_key(|info| (!info.path.is_inbox(), info.path.clone()));
        infos
    }

    pub(super) async fn ask_quota(&mut self) -> Result<Vec<Quota>> {
        if !self.caps.has("QUOTA") {
            return Ok(Vec::new());
        }
        let mut quota = Vec::new();
        self.conn
            .run(&Command::GetQuotaRoot(b"INBOX"), |response| {
                if let Response::Quota { root, resources } = response
                    && quota.len() < 64
                {
                    quota.extend(resources.into_iter().map(|(resource, used, limit)| Quota { root: root.clone(), resource, used, limit }));
                }
            })
            .await?;
        Ok(quota)
    }
}

/// How this server spells paths: the folders that it listed, and what stands between and before their levels.
#[derive(Debug, Default)]
pub(super) struct Levels {
    folders: HashMap<FolderPath, (FolderId, Option<u8>)>,
    /// How often each delimiter was listed; INBOX's counts most.
    delimiters: HashMap<u8, usize>,
    /// Of the user's own folders (RFC 2342), such as `INBOX.`.
    prefix: Vec<u8>,
}

impl Levels {
    fn add(&mut self, path: FolderPath, id: FolderId, delimiter: Option<u8>) {
        if let Some(delimiter) = delimiter {
            let weight = if path.is_inbox() { limits::FOLDERS } else { 1 };
            *self.delimiters.entry(delimiter).or_default() += weight;
        }
        self.folders.insert(path, (id, delimiter));
    }

    /// A folder is not there any more.
    pub fn forget(&mut self, id: &FolderId) {
        self.folders.retain(|_, (known, _)| known != id);
    }

    /// Whether no delimiter is known.
    pub fn is_flat(&self) -> bool {
        self.delimiters.is_empty()
    }

    /// What the answer to `LIST "" ""` tells.
    pub fn learn(&mut self, delimiter: Option<u8>) {
        self.delimiters.extend(delimiter.map(|d| (d, 1)));
    }

    /// The handle of the folder `path`, there or not: below the nearest folder above it that is there, else below the user's own prefix.
    /// The error is for people.
    pub fn spell(&self, path: &FolderPath) -> Result<FolderId, String> {
        if let Some((id, _)) = self.folders.get(path) {
            return Ok(id.clone());
        }
        let levels = path.levels();
        let above = (1..levels.len()).rev().find_map(|n| {
            let (id, delimiter) = self.folders.get(&FolderPath::new(levels[..n].iter().cloned())?)?;
            Some((n, [&id.0[..], &[(*delimiter)?]].concat(), *delimiter))
        });
        let usual = self.delimiters.iter().max_by_key(|(delimiter, count)| (**count, **delimiter)).map(|(delimiter, _)| *delimiter);
        let (from, mut name, delimiter) = above.unwrap_or_else(|| (0, self.prefix.clone(), usual));
        if levels.len() - from > 1 && delimiter.is_none() {
            return Err("this server keeps no folders in folders".into());
        }
        for (n, level) in levels[from..].iter().enumerate() {
            let encoded = encode_name(level, false);
            if let Some(delimiter) = delimiter {
                if encoded.contains(&delimiter) || level.as_bytes().contains(&delimiter) {
                    return Err(format!("`{}` separates folders on this server and cannot be in the name of one", char::from(delimiter)));
                }
                if n > 0 {
                    name.push(delimiter);
                }
            }
            if level.chars().any(char::is_control) {
                return Err("a control character cannot be in the name of a folder there".into());
            }
            name.extend(encoded);
        }
        Ok(FolderId(name))
    }
}

#[derive(Default)]
struct Found {
    /// Names may be those of notices, which Dovecot spells in plain UTF-8.
    plain: bool,
    items: Vec<ListItem>,
    counters: HashMap<Vec<u8>, MailboxStatus>,
    personal: Vec<Vec<u8>>,
}

impl Found {
    fn take(&mut self, response: Response) {
        match response {
            Response::List(item) if self.items.len() <= limits::FOLDERS => {
                self.items.push(ListItem { name: self.wire(item.name), ..item });
            }
            Response::MailboxStatus(status) if self.counters.len() <= limits::FOLDERS => {
                self.counters.insert(self.wire(status.name.clone()), status);
            }
            Response::Namespace(namespace) => self.personal = namespace.personal.into_iter().map(|(prefix, _)| prefix).take(8).collect(),
            _ => {}
        }
    }

    /// A name as commands have it.
    fn wire(&self, name: Vec<u8>) -> Vec<u8> {
        let plain = if self.plain && decode_name(&name, false).is_err() { plain_handle(&name) } else { None };
        plain.map_or(name, |id| id.0)
    }

    /// Personal prefixes of which the listing shows nothing.
    fn unlisted(&self) -> Vec<Vec<u8>> {
        let shown = |prefix: &Vec<u8>| prefix.is_empty() || self.items.iter().any(|item| item.name.starts_with(prefix));
        self.personal.iter().filter(|prefix| !shown(prefix)).cloned().collect()
    }

    /// Drops what cannot be opened, and doubles.
    fn tidy(&mut self) {
        let mut seen = std::collections::HashSet::new();
        self.items.retain(|item| {
            let has = |name: &str| item.attributes.iter().any(|a| a.eq_ignore_ascii_case(name));
            // INBOX is one folder in any case (RFC 9051 §5.1).
            let name = if item.name.eq_ignore_ascii_case(b"INBOX") { b"INBOX".to_vec() } else { item.name.clone() };
            !has("\\Noselect") && !has("\\NonExistent") && seen.insert(name)
        });
    }
}

/// The handle of a folder that the server names so. One spelling for ever: modified UTF-7.
pub(super) fn handle(name: &[u8], utf8: bool) -> FolderId {
    plain_handle(name).filter(|_| utf8).unwrap_or_else(|| FolderId(name.to_vec()))
}

/// The handle of a folder whose name is told in plain UTF-8, which Dovecot does in notices whatever was enabled; `None` where it is not that.
pub(super) fn plain_handle(name: &[u8]) -> Option<FolderId> {
    decode_name(name, true).ok().map(|name| FolderId(encode_name(&name, false)))
}

/// The decoded path. Levels that are no valid modified UTF-7 stay as they are spelled, with `\xNN` for 8-bit octets.
fn path(item: &ListItem, utf8: bool) -> Option<FolderPath> {
    let raw: Vec<&[u8]> = match item.delimiter {
        Some(delimiter) => item.name.split(|b| *b == delimiter).collect(),
        None => vec![&item.name],
    };
    let decoded = |level: &[u8]| decode_name(level, utf8).unwrap_or_else(|_| level.escape_ascii().to_string());
    // A name of nothing but delimiters is a name all the same; only the empty one cannot be opened.
    FolderPath::new(raw.into_iter().map(decoded)).or_else(|| FolderPath::new([decoded(&item.name)]))
}

fn role(item: &ListItem, path: &FolderPath, told: bool) -> Option<Role> {
    if let Some(role) = item.attributes.iter().find_map(|a| Role::from_attribute(a)) {
        return Some(role);
    }
    let levels = path.levels();
    let top = levels.len() == 1 || (levels.len() == 2 && levels[0] == "INBOX");
    let name = levels.last().filter(|_| top && !told)?.to_lowercase();
    USUAL_NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(role, _)| *role)
}
