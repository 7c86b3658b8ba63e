//! Both sides as one comparable value, and a user's deeds on the Maildir.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::maildir::{self, Mail};
use crate::support::{Out, World};

/// Folder → (identity, flags and keywords) → how often.
pub type Side = BTreeMap<String, BTreeMap<(String, String), usize>>;

const FLAGS: [(&str, char); 6] =
    [("\\Draft", 'D'), ("\\Flagged", 'F'), ("$Forwarded", 'P'), ("\\Answered", 'R'), ("\\Seen", 'S'), ("\\Deleted", 'T')];

fn spell(letters: Vec<char>, mut words: Vec<String>) -> String {
    let mut letters = letters;
    letters.sort_unstable();
    words.sort();
    format!("{}{}", letters.into_iter().collect::<String>(), words.into_iter().map(|w| format!(" {w}")).collect::<String>())
}

/// The server's side.
pub fn there(w: &World) -> Side {
    let mut side = Side::new();
    for (mailbox, letters) in w.server.list(&w.user) {
        let folder = side.entry(mailbox).or_default();
        for letter in letters {
            let known = |flag: &String| FLAGS.iter().find(|(name, _)| name == flag);
            let flags = letter.flags.iter().filter_map(known).map(|(_, c)| *c).collect();
            let words = letter.flags.iter().filter(|f| known(f).is_none()).cloned().collect();
            *folder.entry((letter.identity, spell(flags, words))).or_default() += 1;
        }
    }
    side
}

fn keywords(root: &Path, dir: &str) -> BTreeMap<char, String> {
    let text = fs::read_to_string(root.join(dir).join("dovecot-keywords")).unwrap_or_default();
    let line = |line: &str| {
        let (number, word) = line.split_once(' ')?;
        Some((char::from(b'a' + number.parse::<u8>().ok()?), word.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// The Maildir's side: every directory that holds cur/, by its name (layout fs, names that need no escape).
pub fn here(w: &World) -> Side {
    let mut side = Side::new();
    for dir in dirs(&w.root) {
        side.insert(dir, BTreeMap::new());
    }
    for mail in w.mail() {
        let words = keywords(&w.root, &mail.dir);
        let flags = mail.letters.chars().filter(char::is_ascii_uppercase).collect();
        let spelled = mail.letters.chars().filter_map(|c| words.get(&c).cloned()).collect();
        *side.entry(mail.dir).or_default().entry((mail.identity, spell(flags, spelled))).or_default() += 1;
    }
    side
}

fn dirs(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && !name.starts_with('.') && !["cur", "new", "tmp"].contains(&name.as_str()) {
                open.push(entry.path());
            }
        }
        if dir.join("cur").is_dir() {
            found.push(dir.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// Checks that both sides are the same, and that a further run changes nothing.
#[track_caller]
pub fn assert_settled(w: &World) -> Side {
    let (here_now, there_now) = (here(w), there(w));
    assert_eq!(here_now, there_now, "here (left) and there (right) differ");
    let before = w.mail().into_iter().map(|m| m.path).collect::<std::collections::BTreeSet<_>>();
    let again = w.sync(0, &[]);
    assert_nothing_done(&again);
    assert_eq!(there(w), there_now, "a further run changed the server");
    assert_eq!(
        w.mail().into_iter().map(|m| m.path).collect::<std::collections::BTreeSet<_>>(),
        before,
        "a further run changed the Maildir"
    );
    here_now
}

pub const COUNTERS: [&str; 7] = ["downloaded", "uploaded", "flags_pulled", "flags_pushed", "deleted_here", "deleted_there", "moved"];

#[track_caller]
pub fn assert_nothing_done(out: &Out) {
    for counter in COUNTERS {
        assert_eq!(out.sum(counter), 0, "{counter}: {out:#?}");
    }
}

/// The counters that are not zero.
pub fn done(out: &Out) -> Vec<(&'static str, u64)> {
    COUNTERS.into_iter().map(|c| (c, out.sum(c))).filter(|(_, n)| *n > 0).collect()
}

/// A small message with LF, as programs write them.
pub fn message(subject: &str) -> Vec<u8> {
    format!("From: a@example.org\nTo: b@example.org\nSubject: {subject}\nMessage-ID: <{subject}@test.example>\n\nText of {subject}.\n")
        .into_bytes()
}

/// Puts a file into a folder, as a delivery agent or a reader does.
pub fn put(w: &World, folder: &str, name: &str, bytes: &[u8]) -> PathBuf {
    let place = if name.contains(":2,") { "cur" } else { "new" };
    make(w, folder);
    let path = w.root.join(folder).join(place).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Makes a folder.
pub fn make(w: &World, folder: &str) {
    for place in ["cur", "new", "tmp"] {
        fs::create_dir_all(w.root.join(folder).join(place)).unwrap();
    }
}

/// The message whose subject is `subject`.
#[track_caller]
pub fn find(w: &World, subject: &str) -> Mail {
    let line = format!("Subject: {subject}\n");
    let has = |mail: &Mail| String::from_utf8_lossy(&fs::read(&mail.path).unwrap()).replace("\r\n", "\n").contains(&line);
    w.mail().into_iter().find(has).unwrap_or_else(|| panic!("no message {subject} in {:?}", w.mail()))
}

/// Gives a message flags, as a reader does.
pub fn flag(w: &World, subject: &str, letters: &str) {
    let mail = find(w, subject);
    fs::rename(&mail.path, w.root.join(&mail.dir).join("cur").join(format!("{}:2,{letters}", mail.base))).unwrap();
}

/// Moves a message into another folder, keeping its name.
pub fn carry(w: &World, subject: &str, folder: &str) {
    let mail = find(w, subject);
    make(w, folder);
    fs::rename(&mail.path, w.root.join(folder).join(mail.place).join(mail.path.file_name().unwrap())).unwrap();
}

/// Deletes a message.
pub fn delete(w: &World, subject: &str) {
    fs::remove_file(find(w, subject).path).unwrap();
}

/// An append of such a message, for [`Server::deeds`](crate::support::Server::deeds).
pub fn appended(folder: &str, subject: &str, flags: &str) -> serde_json::Value {
    serde_json::json!(["append", folder, String::from_utf8(maildir::crlf(&message(subject))).unwrap(), flags])
}

/// A message as the back door names it.
pub fn id(subject: &str) -> String {
    maildir::identity(&message(subject))
}

/// A message as the server gets it.
pub fn send(w: &World, folder: &str, subject: &str, flags: &str) {
    w.server.append(&w.user, folder, &maildir::crlf(&message(subject)), flags, 1_600_000_000);
}

/// The UID of a message there.
pub fn uid(w: &World, folder: &str, subject: &str) -> String {
    let identity = maildir::identity(&message(subject));
    let all = w.server.list(&w.user);
    let letter = all[folder].iter().find(|l| l.identity == identity).unwrap_or_else(|| panic!("no {subject} in {folder}: {all:?}"));
    letter.uid.to_string()
}

/// How often a folder there has a message.
pub fn count_there(w: &World, folder: &str, subject: &str) -> usize {
    let identity = maildir::identity(&message(subject));
    w.server.list(&w.user).get(folder).map_or(0, |l| l.iter().filter(|l| l.identity == identity).count())
}

/// Files that are kept after the server deleted them.
pub fn kept(w: &World) -> usize {
    let area = w.root.join(".mailx/deleted");
    fs::read_dir(area).into_iter().flatten().flatten().map(|d| fs::read_dir(d.path()).unwrap().count()).sum()
}
