//! One case's place: a user on the target, its backend, and helpers that say what a case means.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mailx::backend::memory::Ram;
use mailx::backend::{Backend, BodySink, Ctx, FolderInfo, FolderOrder, FolderOutcome, LookAt, Memory, Missed, Order, Part, Session, Want};
use mailx::model::caps::Keywords;
use mailx::model::{
    Caps, Change, Class, Cursor, Error, FlagState, FolderId, FolderPath, Harvest, Listed, Need, Outcome, Protocol, RemoteId, Result,
};
use mailx::testing::ctx;

use crate::set_flags::flags;
use crate::support::outgoing::draft;
use crate::support::server::run;
use crate::support::{Letter, Server};
use crate::targets::Target;

pub struct Bed<'a> {
    pub target: &'a Target,
    pub user: String,
    pub backend: Arc<dyn Backend>,
    /// What the backend remembers from one session to the next.
    memory: Arc<dyn Memory>,
}

/// A password that is known.
impl<'a> Bed<'a> {
    pub fn new(target: &'a Target) -> Self {
        let user = target.server.user("case");
        let bed = Self { target, backend: (target.backend)(&target.server, &user), user, memory: Arc::new(Ram::default()) };
        // Its owner is who owns the mail.
        let (home, mail) = (bed.home(), target.server.get("MAIL"));
        std::fs::create_dir_all(home.join("rawlog")).unwrap();
        run(Command::new("chown").arg(format!("--reference={mail}")).arg(&home).arg(home.join("rawlog")));
        bed
    }

    fn home(&self) -> PathBuf {
        PathBuf::from(self.target.server.get("MAIL")).join(&self.user)
    }

    /// The back door.
    pub fn door(&self) -> &Server {
        &self.target.server
    }

    pub fn ctx(&self) -> Ctx {
        self.ctx_with("pass")
    }

    pub fn ctx_with(&self, password: &'static str) -> Ctx {
        Ctx { disable: self.target.disable.clone().into(), memory: self.memory.clone(), ..ctx(password, Duration::from_secs(20)) }
    }

    pub async fn open(&self) -> Box<dyn Session> {
        self.backend.open(&self.ctx()).await.unwrap()
    }

    pub fn deliver(&self, folder: &str, message: &[u8]) {
        self.door().append(&self.user, folder, message, "", 1_600_000_000);
    }

    /// What the back door sees in a folder.
    pub fn there(&self, folder: &str) -> Vec<Letter> {
        let mut letters = self.door().list(&self.user).remove(folder).unwrap();
        // SOGo takes them for deleted, and deletes by marking them.
        letters.retain(|letter| !self.hides_marked() || !letter.flags.contains(&"\\Deleted".to_owned()));
        letters
    }

    /// Whether messages that somebody marked as deleted are shown to nobody.
    pub fn hides_marked(&self) -> bool {
        self.is_active_sync()
    }

    pub fn is_active_sync(&self) -> bool {
        self.target.protocol == Protocol::ActiveSync
    }

    /// What of the flags there can be told here.
    pub fn told(&self, letter: &Letter, caps: &Caps) -> FlagState {
        let all = FlagState::from_imap(letter.flags.iter().map(String::as_str)).0;
        // Of keywords SOGo tells the labels that it knows, which tests do not use.
        let none = caps.flags.keywords == Keywords::No || self.is_active_sync();
        let keywords = if none { Vec::new() } else { all.keywords };
        FlagState { flags: all.flags.both(caps.flags.pull), keywords }
    }

    /// Begins another epoch in a folder, with `validity` as its number.
    pub async fn renumber(&self, folder: &str, validity: u32) {
        if !self.is_active_sync() {
            return self.door().renumber(&self.user, folder, validity);
        }
        // A device that has forgotten everything begins anew, and all its keys of before are void.
        let ctx = Ctx { memory: Arc::new(Ram::default()), ..self.ctx() };
        self.backend.open(&ctx).await.unwrap().close().await.unwrap();
    }

    /// Whether a message keeps its id from one epoch to the next, so that nothing can be mistaken.
    pub fn ids_outlive_epochs(&self) -> bool {
        self.is_active_sync()
    }

    /// The back door's numbers of the messages of a folder, in the order in which a listing from nothing tells them.
    pub fn uids(&self, folder: &str) -> Vec<u32> {
        self.there(folder).iter().map(|l| l.uid).collect()
    }

    /// Whether the mail is shown as it was when the session began, whatever happens meanwhile.
    pub fn is_snapshot(&self) -> bool {
        self.target.protocol == Protocol::Pop3
    }

    /// Whether ids are of an epoch. Those that are made of content are not, and outlive it; then that is asserted, and there is nothing else
    /// to see.
    pub async fn has_epochs(&self) -> bool {
        if self.target.protocol != Protocol::Pop3 || self.target.has("UIDL") {
            return true;
        }
        self.door().generate(&self.user, "INBOX", 5, "a");
        let (before, cursor) = {
            let mut session = self.open().await;
            let (_, listed, cursor) = list(&mut session, "INBOX").await;
            session.close().await.unwrap();
            (listed, cursor)
        };
        self.renumber("INBOX", 987_654).await;
        let mut session = self.open().await;
        let (id, after, _) = list(&mut session, "INBOX").await;
        assert_eq!(before, after);
        let (news, _, restarted) = look(&mut session, &id, Some(cursor), Need::Additions).await;
        assert!(news.is_empty() && !restarted, "{news:?}");
        false
    }

    /// A session that knows what happened meanwhile.
    pub async fn fresh(&self, session: Box<dyn Session>) -> Box<dyn Session> {
        if !self.is_snapshot() {
            return session;
        }
        session.close().await.unwrap();
        self.open().await
    }

    /// Whether the target cannot do what a gap's word is about. Then the gap is declared, an order of the kind is refused, and nothing
    /// has changed by it.
    pub async fn cannot(&self, word: &str) -> bool {
        let session = self.open().await;
        if !session.caps().gaps().iter().any(|gap| gap.word == word) {
            session.close().await.unwrap();
            return false;
        }
        self.deliver("INBOX", b"Subject: stays\r\n\r\nas it is\r\n");
        let mut session = self.fresh(session).await;
        let before = self.door().list(&self.user);
        let (id, listed, cursor) = list(&mut session, "INBOX").await;
        let message = listed.last().unwrap().id.clone();
        let order = match word {
            "append" => Some(Order::Append { message: draft(b"Subject: new\r\n\r\n".to_vec()), flags: flags(""), date: None }),
            "flags-push" => Some(Order::SetFlags { id: message, add: flags("\\Seen work"), remove: flags("\\Answered") }),
            "moves" => Some(Order::Move { id: message, to: FolderId(b"Elsewhere".to_vec()) }),
            _ => None,
        };
        if word == "flags-push" && !session.caps().flags.push.is_empty() {
            // Some of them can be set: those that cannot are named, and the rest is as good as anywhere.
            let order = Order::SetFlags { id: listed[0].id.clone(), add: flags("work \\Draft"), remove: flags("\\Answered") };
            let outcomes = session.apply(&id, &cursor, &[order]).await.unwrap().outcomes;
            assert!(matches!(&outcomes[..], [Outcome::Short(left)] if !left.is_empty()), "{outcomes:?}");
            assert_eq!(self.door().list(&self.user), before, "nothing changed");
            return false;
        }
        if let Some(order) = order {
            let outcomes = session.apply(&id, &cursor, &[order]).await.unwrap().outcomes;
            assert!(matches!(&outcomes[..], [Outcome::Refused(why)] if !why.is_empty()), "{word}: {outcomes:?}");
        } else if word == "folders" {
            let path = FolderPath::new(["Elsewhere".to_owned()]).unwrap();
            let orders = [
                FolderOrder::Create { path: path.clone() },
                FolderOrder::Rename { id: id.clone(), to: path },
                FolderOrder::Remove { id: id.clone() },
            ];
            let outcomes = session.reshape(&orders).await.unwrap();
            assert!(outcomes.len() == 3 && outcomes.iter().all(|o| matches!(o, FolderOutcome::Refused(_))), "{outcomes:?}");
        } else {
            assert!(listed.iter().all(|l| l.flags.is_empty()), "{word}: {listed:?}");
        }
        session.close().await.unwrap();
        assert_eq!(self.door().list(&self.user), before, "{word}: nothing changed");
        true
    }

    /// Octets of commands that the server took in this case's sessions; the back door's own are in clear text and named.
    fn taken(&self) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(self.home().join("rawlog")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().ends_with(".in") {
                let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
                // imaplib's tags are four letters and a number that counts from 0.
                let ours = text.lines().next().is_some_and(|l| {
                    !l.split_whitespace().any(|w| {
                        w.len() > 4 && w[..4].bytes().all(|b| b.is_ascii_uppercase()) && w[4..].bytes().all(|b| b.is_ascii_digit())
                    })
                });
                if ours {
                    all += &text;
                }
            }
        }
        all
    }

    /// How many commands of the sessions so far begin with `words` behind their tag; they have been closed.
    pub fn count(&self, words: &str) -> usize {
        let mut taken = self.taken();
        for _ in 0..100 {
            if taken.contains("LOGOUT") {
                break;
            }
            // Nobody waited for the answer to it.
            std::thread::sleep(Duration::from_millis(20));
            taken = self.taken();
        }
        unstamped(&taken).filter(|line| line.split_once(' ').is_some_and(|(_, command)| command.starts_with(words))).count()
    }

    /// What the server does not announce must not be sent.
    pub fn assert_nothing_masked_was_used(&self) {
        let taken = self.taken().to_ascii_uppercase();
        // A second message of one APPEND is announced behind the octets of the first.
        let second = |line: &&str| line.starts_with(' ') && line.ends_with('}');
        let several = unstamped(&taken).find(second);
        assert!(self.target.has("MULTIAPPEND") || several.is_none(), "MULTIAPPEND is not offered, and was used: {several:?}");
        if self.target.name.contains("LITERAL-") {
            let sizes = unstamped(&taken).filter_map(|line| line.strip_suffix("+}")?.rsplit_once('{')?.1.parse::<u64>().ok());
            assert!(sizes.max().unwrap_or(0) <= 4096, "a large literal was sent without asking");
        }
        let telltale: [(&str, &[&str]); 14] = [
            ("LITERAL+", &["+}"]),
            ("QRESYNC", &["QRESYNC"]),
            ("UIDPLUS", &["UID EXPUNGE"]),
            ("MOVE", &["UID MOVE"]),
            ("LIST-STATUS", &["RETURN (STATUS", " STATUS (", "RETURN (SPECIAL-USE STATUS"]),
            ("LIST-EXTENDED", &["LIST (", "\"*\" RETURN"]),
            ("SPECIAL-USE", &["SPECIAL-USE"]),
            ("ESEARCH", &["SEARCH RETURN"]),
            ("CONDSTORE", &["CONDSTORE", "CHANGEDSINCE", "HIGHESTMODSEQ", "QRESYNC"]),
            ("NAMESPACE", &["NAMESPACE"]),
            ("ENABLE", &["ENABLE"]),
            ("COMPRESS=DEFLATE", &["COMPRESS"]),
            ("QUOTA", &["GETQUOTA"]),
            ("UNSELECT", &["UNSELECT"]),
        ];
        if self.target.protocol == Protocol::ActiveSync {
            // SOGo is the one that speaks IMAP.
            return;
        }
        if self.target.protocol == Protocol::Pop3 {
            for name in self.target.missing.iter().filter(|name| *name != "PIPELINING") {
                let used = unstamped(&taken).find(|line| line.split(' ').next() == Some(name));
                assert!(used.is_none(), "{name} is not offered, and was used: {used:?}");
            }
            return;
        }
        for (name, words) in telltale {
            for line in taken.lines().filter(|_| !self.target.has(name)) {
                // STATUS as a command of its own is RFC 3501's.
                let own = name == "LIST-STATUS" && !line.contains("LIST ");
                assert!(own || !words.iter().any(|w| line.contains(w)), "{name} is not offered, and was used: {line}");
            }
        }
    }
}

/// Lines without the time that the server notes in front of each.
fn unstamped(taken: &str) -> impl Iterator<Item = &str> {
    let time = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    taken.lines().map(move |line| line.split_once(' ').map_or(line, |(word, rest)| if time(word) { rest } else { line }))
}

/// The folder of that path.
pub async fn folder(session: &mut Box<dyn Session>, path: &str) -> FolderInfo {
    let all = session.folders().await.unwrap();
    all.iter().find(|f| f.path.to_string() == path).cloned().unwrap_or_else(|| panic!("no {path} in {all:?}"))
}

/// Everything that a folder tells since `cursor`, over all pages.
pub async fn look(session: &mut Box<dyn Session>, id: &FolderId, cursor: Option<Cursor>, need: Need) -> (Vec<Change>, Harvest, bool) {
    let (mut all, mut at, mut restarted) = (Vec::new(), cursor, false);
    for _ in 0..100 {
        let looks = [LookAt { folder: id.clone(), cursor: at.clone(), need }];
        let mut page = Vec::new();
        let mut harvests = session
            .changes(&looks, &mut |which, change| {
                assert_eq!(which, 0);
                page.push(change);
            })
            .await
            .unwrap();
        assert_eq!(harvests.len(), 1);
        let harvest = harvests.remove(0).unwrap();
        all.append(&mut page);
        restarted |= harvest.restarted;
        if !harvest.more {
            return (all, harvest, restarted);
        }
        at = Some(harvest.cursor);
    }
    panic!("the listing never ends");
}

/// The messages that are there.
pub fn present(changes: &[Change]) -> Vec<Listed> {
    changes.iter().filter_map(|c| if let Change::Present(l) = c { Some(l.clone()) } else { None }).collect()
}

/// Lists a folder from nothing.
pub async fn list(session: &mut Box<dyn Session>, path: &str) -> (FolderId, Vec<Listed>, Cursor) {
    let id = folder(session, path).await.id;
    let (changes, harvest, _) = look(session, &id, None, Need::Additions).await;
    let mut listed = present(&changes);
    // Some servers begin with the newest; ids that are numbers tell which that is.
    listed.sort_by_key(|l| l.id.0.parse::<u32>().ok());
    (id, listed, harvest.cursor)
}

/// Keeps bodies, and checks the promises about their order.
#[derive(Default)]
pub struct Keep {
    open: Option<Vec<u8>>,
    pub bodies: BTreeMap<usize, Vec<u8>>,
    pub missed: BTreeMap<usize, Missed>,
}

#[async_trait]
impl BodySink for Keep {
    async fn begin(&mut self) -> Result<()> {
        assert!(self.open.is_none(), "bodies interleave");
        self.open = Some(Vec::new());
        Ok(())
    }

    async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        self.open.as_mut().expect("a chunk without a begin").extend_from_slice(&bytes);
        Ok(())
    }

    async fn end(&mut self, index: usize) -> Result<()> {
        let body = self.open.take().expect("an end without a begin");
        assert!(self.bodies.insert(index, body).is_none() && !self.missed.contains_key(&index), "{index} ends twice");
        Ok(())
    }

    async fn cut(&mut self) -> Result<()> {
        self.open = None;
        Ok(())
    }

    async fn miss(&mut self, index: usize, why: Missed) -> Result<()> {
        assert!(self.missed.insert(index, why).is_none() && !self.bodies.contains_key(&index), "{index} ends twice");
        Ok(())
    }
}

/// Fetches, and checks that each wanted message ended exactly once.
pub async fn fetch(session: &mut Box<dyn Session>, id: &FolderId, cursor: &Cursor, ids: &[RemoteId], part: Part) -> Keep {
    let wanted: Vec<Want> = ids.iter().map(|id| Want { id: id.clone(), size: None }).collect();
    let mut keep = Keep::default();
    session.fetch(id, cursor, &wanted, part, &mut keep).await.unwrap();
    assert!(keep.open.is_none(), "a body was left open");
    assert_eq!(keep.bodies.len() + keep.missed.len(), ids.len(), "each wanted message ends once");
    keep
}

/// Checks that an error costs the folder only.
pub fn assert_folder_only(error: &Error) {
    assert_eq!(error.scope, mailx::model::Scope::Folder, "{error:?}");
    assert!(matches!(error.class, Class::Partial | Class::Temporary), "{error:?}");
}
