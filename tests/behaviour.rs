//! One behaviour whatever the protocol: each row happens on IMAP and on POP3, to the real binary and a real Dovecot, with the same mail and
//! the same words. What comes of it is the table in the README. `MAILX_BLESS=1 cargo test --features testing --test behaviour` rewrites it.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use support::{Out, World, dovecot};

/// The protocols, by the names of their columns.
const PROTOCOLS: [&str; 2] = ["IMAP", "POP3"];
/// Where the table stands in the README.
const MARKS: (&str, &str) = ("<!-- behaviour -->\n", "<!-- /behaviour -->\n");

/// A thing that happens, and what comes of it, in words.
struct Row {
    happens: &'static str,
    play: fn(&Account) -> &'static str,
    /// What is here in the end is the same, whatever the protocol.
    alike: bool,
}

const ROWS: [Row; 12] = [
    Row { happens: "mail comes in there", play: comes, alike: true },
    Row { happens: "the next run", play: again, alike: true },
    Row { happens: "a run is killed at any step", play: killed, alike: true },
    Row { happens: "`after-fetch = \"delete\"`", play: after_fetch, alike: true },
    Row { happens: "you delete a message here", play: deleted_here, alike: true },
    Row { happens: "a message is deleted there", play: deleted_there, alike: false },
    Row { happens: "you read a message here", play: read_here, alike: true },
    Row { happens: "a message is read there", play: read_there, alike: false },
    Row { happens: "you put a file into a folder here", play: put_here, alike: true },
    Row { happens: "you move a message to another folder here", play: moved_here, alike: true },
    Row { happens: "mail lies in another folder there", play: other_folder, alike: false },
    Row { happens: "the state (`.mailx`) is lost", play: state_lost, alike: true },
];

/// A user who has the same mail on every protocol.
struct Account {
    world: World,
    protocol: &'static str,
}

impl Account {
    fn new(protocol: &'static str) -> Option<Self> {
        let account = Self { world: World::new(dovecot()?, "behave"), protocol };
        account.configure("");
        account.world.server.generate(&account.world.user, "INBOX", 6, "behaviour");
        account.world.server.create(&account.world.user, &["Archive"]);
        Some(account)
    }

    fn configure(&self, more: &str) {
        let w = &self.world;
        let (scheme, port) = match self.protocol {
            "IMAP" => ("imaps", w.server.get("IMAPS_PORT")),
            _ => ("pop3s", w.server.get("POP3S_PORT")),
        };
        w.configure(&format!("receive = \"{scheme}://{}@{}:{port}\"\n{more}", w.user, w.server.get("HOST")));
    }

    fn sync(&self) -> Out {
        self.world.sync(0, &[])
    }

    /// What lies in a folder there: identities.
    fn there(&self, mailbox: &str) -> BTreeSet<String> {
        self.world.server.list(&self.world.user).remove(mailbox).unwrap_or_default().into_iter().map(|l| l.identity).collect()
    }

    /// Everything that is here: folder, identity, letters.
    fn here(&self) -> Vec<(String, String, String)> {
        let mut all: Vec<_> = self.world.mail().into_iter().map(|m| (m.dir, m.identity, m.letters)).collect();
        all.sort();
        all
    }

    fn first_uid(&self) -> String {
        self.world.server.list(&self.world.user)["INBOX"][0].uid.to_string()
    }

    /// The message here that is the first there.
    fn first(&self) -> support::maildir::Mail {
        let identity = self.world.server.list(&self.world.user)["INBOX"][0].identity.clone();
        self.world.mail().into_iter().find(|m| m.identity == identity).unwrap()
    }
}

fn comes(a: &Account) -> &'static str {
    let out = a.world.fetch(0, &[]);
    let here: BTreeSet<String> = a.world.mail().into_iter().map(|m| m.identity).collect();
    assert_eq!((out.sum("downloaded"), here), (6, a.there("INBOX")));
    a.world.run(&["verify", "--all"]).exit(0);
    "it comes here, byte for byte"
}

fn again(a: &Account) -> &'static str {
    a.sync();
    let out = a.sync();
    let sums = ["downloaded", "uploaded", "deleted_here", "deleted_there", "moved"].map(|n| out.sum(n));
    assert_eq!((sums, out.stderr.as_str()), ([0; 5], ""));
    "has nothing to do"
}

fn killed(a: &Account) -> &'static str {
    for step in 1.. {
        let out = a.world.run_with(&["sync"], &[("MAILX_TEST_CRASH_AT", &step.to_string())]);
        if out.code == Some(0) {
            break;
        }
        assert_eq!(out.signal, Some(9), "{out:?}");
        assert!(step < 100, "it never ends");
    }
    a.sync();
    assert_eq!((a.world.mail().len(), a.there("INBOX").len()), (6, 6));
    "the next one goes on; nothing is lost, nothing is there twice"
}

fn after_fetch(a: &Account) -> &'static str {
    a.configure("after-fetch = \"delete\"");
    let out = a.world.fetch(0, &[]);
    assert_eq!((out.sum("downloaded"), out.sum("deleted_there"), a.there("INBOX").len(), a.world.mail().len()), (6, 6, 0, 6));
    a.sync();
    assert_eq!(a.world.mail().len(), 6);
    "what is durable here is removed there, and stays here for ever"
}

fn deleted_here(a: &Account) -> &'static str {
    a.sync();
    let gone = a.first();
    fs::remove_file(&gone.path).unwrap();
    // (A trash there comes here, too, and is no part of this row.)
    let out = a.world.sync(0, &["--folder", "INBOX"]);
    assert_eq!(out.sum("deleted_there"), 1);
    assert!(!a.there("INBOX").contains(&gone.identity));
    if a.there("Trash").contains(&gone.identity) { "it goes to the trash there (`expunge`)" } else { "it is removed there" }
}

fn deleted_there(a: &Account) -> &'static str {
    a.sync();
    let gone = a.first();
    a.world.server.expunge(&a.world.user, "INBOX", &a.first_uid());
    let out = a.sync();
    let stays = a.world.mail().iter().any(|m| m.identity == gone.identity);
    assert_eq!(out.sum("deleted_here"), u64::from(!stays));
    if !stays {
        return "it goes here, and is kept for `keep-deleted`";
    }
    a.configure("mirror-deletions = true");
    a.sync();
    assert!(a.world.mail().iter().all(|m| m.identity != gone.identity), "the wish of the user is done");
    "it stays here: there, absence may mean anything (`mirror-deletions` says otherwise)"
}

fn read_here(a: &Account) -> &'static str {
    a.sync();
    let mail = a.first();
    fs::rename(&mail.path, a.world.root.join("INBOX/cur").join(format!("{}:2,S", mail.base))).unwrap();
    let out = a.sync();
    assert_eq!(a.first().letters, "S", "it stays read here");
    let flags = a.world.server.list(&a.world.user)["INBOX"][0].flags.clone();
    if flags.iter().any(|f| f == "\\Seen") {
        return "it is read there";
    }
    out.says("flags set here stay here");
    assert_eq!(a.sync().stderr, "", "said once");
    "it stays read here, and is not there; said once"
}

fn read_there(a: &Account) -> &'static str {
    a.sync();
    a.world.server.store(&a.world.user, "INBOX", &a.first_uid(), "+\\Seen");
    a.sync();
    if a.first().letters == "S" { "it is read here" } else { "nothing: the server does not say" }
}

const MINE: &[u8] = b"Subject: mine\n\nx\n";

fn put_here(a: &Account) -> &'static str {
    a.sync();
    fs::write(a.world.root.join("INBOX/cur/1.mine.host:2,S"), MINE).unwrap();
    let out = a.sync();
    let identity = support::maildir::identity(MINE);
    assert!(a.world.mail().iter().any(|m| m.identity == identity));
    if a.there("INBOX").contains(&identity) {
        return "it is uploaded";
    }
    out.says("new files stay here");
    assert_eq!(a.sync().stderr, "", "said once");
    "it stays here; said once"
}

fn moved_here(a: &Account) -> &'static str {
    a.sync();
    let archive = a.world.root.join("Archive");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(archive.join(part)).unwrap();
    }
    let mail = a.first();
    fs::rename(&mail.path, archive.join("cur").join(format!("{}:2,S", mail.base))).unwrap();
    let out = a.sync();
    assert_eq!((out.sum("downloaded"), out.sum("uploaded"), a.world.mail().len()), (0, 0, 6));
    if a.there("Archive").contains(&mail.identity) {
        assert!(!a.there("INBOX").contains(&mail.identity));
        return "it is moved there";
    }
    assert!(a.there("INBOX").contains(&mail.identity));
    "it is where you want it here, and in the INBOX there"
}

fn other_folder(a: &Account) -> &'static str {
    a.world.server.generate(&a.world.user, "Archive", 2, "old");
    a.sync();
    match a.world.mail().len() {
        8 => "its folder and the mail come here",
        _ => "it is not seen: the server shows the INBOX only",
    }
}

fn state_lost(a: &Account) -> &'static str {
    a.sync();
    fs::remove_dir_all(a.world.root.join(".mailx")).unwrap();
    let out = a.sync();
    let sums = ["downloaded", "uploaded", "deleted_here", "deleted_there"].map(|n| out.sum(n));
    assert_eq!((sums, a.world.mail().len(), a.there("INBOX").len()), ([0; 4], 6, 6));
    "it is rebuilt; nothing is downloaded, uploaded or deleted"
}

/// Plays all rows on all protocols, at the same time; `None` without Dovecot.
fn table() -> Option<String> {
    dovecot()?;
    let play = |row: &'static Row, protocol| {
        let account = Account::new(protocol)?;
        let words = (row.play)(&account);
        Some((words, account.here()))
    };
    let played: Vec<Vec<_>> = std::thread::scope(|scope| {
        let rows: Vec<_> = ROWS.iter().map(|row| scope.spawn(move || PROTOCOLS.map(|protocol| play(row, protocol)).to_vec())).collect();
        rows.into_iter().zip(&ROWS).map(|(played, row)| played.join().unwrap_or_else(|_| panic!("failed: {}", row.happens))).collect()
    });
    let mut text = format!("| what happens | {} |\n|{}\n", PROTOCOLS.join(" | "), " --- |".repeat(PROTOCOLS.len() + 1));
    for (row, played) in ROWS.iter().zip(played) {
        let played: Vec<_> = played.into_iter().collect::<Option<_>>()?;
        if row.alike {
            assert!(played.iter().all(|(_, here)| *here == played[0].1), "the Maildirs differ: {}", row.happens);
        }
        let words: Vec<&str> = played.iter().map(|(words, _)| *words).collect();
        writeln!(text, "| {} | {} |", row.happens, words.join(" | ")).unwrap();
    }
    Some(text)
}

#[test]
fn the_table_in_the_readme_is_what_happens() {
    let Some(table) = table() else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(MARKS.0).expect("the README has the table's marks");
    let (found, tail) = rest.split_once(MARKS.1).expect("the README has the table's marks");
    if std::env::var_os("MAILX_BLESS").is_some() {
        fs::write(&path, format!("{head}{}{table}{}{tail}", MARKS.0, MARKS.1)).unwrap();
        return;
    }
    assert!(found == table, "out of date: run MAILX_BLESS=1 cargo test --features testing --test behaviour; what happens is\n{table}");
}
