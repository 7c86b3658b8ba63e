//! The Maildir as its user and other programs see and change it; knows maildir(5) and nothing of mailx.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mailx::model::{FlagState, Flags, Keyword};
use mailx::store::disk::{Dir, Disk, Kind, open_or_make, walk};

use crate::mail::{Mail, Side, label, local};

const PARTS: [&str; 3] = ["cur", "new", "tmp"];
const KEYWORDS: &str = "dovecot-keywords";
/// The time stamp of what is delivered here.
const DATE: i64 = 1_600_000_000;

/// A Maildir root.
#[derive(Clone)]
pub struct Here {
    pub disk: Arc<dyn Disk>,
    pub root: PathBuf,
    /// Programs sync what they change, as they should.
    pub syncs: bool,
}

/// A file in cur/ or new/.
struct File {
    /// The directory that it lies in, relative to the root.
    dir: String,
    name: String,
    base: String,
    mail: Mail,
}

/// A number that no other call gets.
fn number() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Relaxed)
}

/// Names in a directory; none where there is no such directory.
fn names(dir: io::Result<Box<dyn Dir>>, wanted: impl Fn(Kind) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(dir) = dir {
        dir.each(&mut |name, kind| {
            if wanted(kind) {
                found.push(name.to_owned());
            }
        })
        .unwrap();
    }
    found.sort_unstable();
    found
}

fn any(_: Kind) -> bool {
    true
}

fn read(dir: &dyn Dir, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    dir.open(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes `name` with all that is in it.
fn remove_all(dir: &dyn Dir, name: &str) {
    if let Ok(inner) = dir.open_dir(name) {
        names(Ok(inner.open_dir(".").unwrap()), any).iter().for_each(|name| remove_all(&*inner, name));
        dir.remove_dir(name).unwrap();
    } else {
        dir.unlink(name).unwrap();
    }
}

impl Here {
    /// A directory relative to the root.
    fn dir(&self, path: &str) -> io::Result<Box<dyn Dir>> {
        walk(&*self.disk.open(&self.root)?, path)
    }

    fn place(&self, folder: &str, part: &str) -> Box<dyn Dir> {
        self.dir(&format!("{folder}/{part}")).unwrap_or_else(|e| panic!("{folder}/{part}: {e}"))
    }

    /// The directory that holds a folder's own, and its name there.
    fn above(&self, folder: &str) -> (Box<dyn Dir>, String) {
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        (self.dir(above).unwrap(), name.to_owned())
    }

    fn sync(&self, dirs: &[&dyn Dir]) {
        if self.syncs {
            dirs.iter().for_each(|dir| dir.sync().unwrap());
        }
    }

    /// Everything that lies in the folders.
    pub fn side(&self) -> Side {
        Side::new(self.folders().into_iter().map(|folder| {
            let mails = self.files(&folder).into_iter().map(|f| f.mail).collect();
            (folder, mails)
        }))
    }

    fn folders(&self) -> Vec<String> {
        let (mut found, mut open) = (Vec::new(), vec![String::new()]);
        while let Some(parent) = open.pop() {
            for name in names(self.dir(&parent), |kind| kind == Kind::Dir) {
                if name == ".mailx" || PARTS.contains(&name.as_str()) {
                    continue;
                }
                let path = if parent.is_empty() { name } else { format!("{parent}/{name}") };
                if self.dir(&format!("{path}/cur")).is_ok() {
                    found.push(path.clone());
                }
                open.push(path);
            }
        }
        found
    }

    fn files(&self, folder: &str) -> Vec<File> {
        let keywords = self.keywords(folder);
        let mut files = Vec::new();
        for part in ["cur", "new"] {
            let path = format!("{folder}/{part}");
            let Ok(dir) = self.dir(&path) else { continue };
            for name in names(self.dir(&path), any) {
                let Ok(bytes) = read(&*dir, &name) else { continue };
                let (base, letters) = name.split_once(":2,").unwrap_or((&name, ""));
                let words = letters.chars().filter(char::is_ascii_lowercase);
                let mut words: Vec<Keyword> = words.filter_map(|c| keywords.get(c as usize - 'a' as usize).cloned()).collect();
                words.sort_unstable();
                let state = FlagState { flags: Flags::from_letters(letters), keywords: words };
                files.push(File { dir: path.clone(), base: base.to_owned(), mail: Mail::of(&bytes, &state), name });
            }
        }
        files
    }

    fn find(&self, folder: &str, label: &str) -> File {
        let found = self.files(folder).into_iter().find(|f| f.mail.label == label);
        found.unwrap_or_else(|| panic!("no {label} in {folder} here: {}", self.side()))
    }

    fn keywords(&self, folder: &str) -> Vec<Keyword> {
        let text = self.dir(folder).and_then(|dir| read(&*dir, KEYWORDS)).unwrap_or_default();
        let text = String::from_utf8(text).unwrap();
        text.lines().filter_map(|l| l.split_once(' ').and_then(|(_, word)| Keyword::new(word))).collect()
    }

    /// The letters of keywords, which are given away where that is new, as Dovecot does.
    fn letters(&self, folder: &str, words: &[String]) -> String {
        let mut known = self.keywords(folder);
        let mut letters: Vec<char> = Vec::new();
        for word in words {
            let at = known.iter().position(|k| k.as_str() == word).unwrap_or_else(|| {
                known.push(Keyword::new(word).unwrap());
                known.len() - 1
            });
            letters.push((b'a' + at as u8) as char);
        }
        if !words.is_empty() {
            let text: String = known.iter().enumerate().map(|(n, k)| format!("{n} {k}\n")).collect();
            let dir = self.dir(folder).unwrap();
            self.write(&*dir, "keywords.new", text.as_bytes(), None);
            dir.replace("keywords.new", &*dir, KEYWORDS).unwrap();
            self.sync(&[&*dir]);
        }
        letters.sort_unstable();
        letters.into_iter().collect()
    }

    fn write(&self, dir: &dyn Dir, name: &str, bytes: &[u8], date: Option<i64>) {
        let mut file = dir.create(name).unwrap();
        file.write_all(bytes).unwrap();
        date.into_iter().for_each(|date| file.set_mtime(date).unwrap());
        if self.syncs {
            file.sync().unwrap();
        }
    }

    /// Gives a file the name of `mail` in a folder.
    fn arrive(&self, from: &dyn Dir, name: &str, folder: &str, base: &str, mail: &Mail) {
        let letters = self.letters(folder, &mail.keywords);
        let (part, to) = if mail.flags.is_empty() && letters.is_empty() {
            ("new", base.to_owned())
        } else {
            ("cur", format!("{base}:2,{}{letters}", mail.flags))
        };
        self.shift_file(from, name, &*self.place(folder, part), &to);
    }

    fn shift_file(&self, from: &dyn Dir, name: &str, to: &dyn Dir, to_name: &str) {
        from.replace(name, to, to_name).unwrap();
        self.sync(&[to, from]);
    }

    fn make_dir(&self, path: &str) -> Box<dyn Dir> {
        if self.disk.stat(&self.root).is_err() {
            self.disk.make_dirs(&self.root).unwrap();
        }
        let mut dir = self.disk.open(&self.root).unwrap();
        for level in path.split('/').filter(|level| !level.is_empty()) {
            let next = open_or_make(&*dir, level).unwrap().0;
            self.sync(&[&*dir]);
            dir = next;
        }
        dir
    }

    pub fn make(&self, folder: &str) {
        let dir = self.make_dir(folder);
        PARTS.iter().for_each(|part| drop(open_or_make(&*dir, part).unwrap()));
        self.sync(&[&*dir]);
    }

    /// Somebody moves a file as it is, with letters that mean something else there.
    pub fn rename_file(&self, folder: &str, label: &str, to: &str) {
        let file = self.find(folder, label);
        self.make(to);
        self.shift_file(&*self.dir(&file.dir).unwrap(), &file.name, &*self.place(to, "cur"), &file.name);
    }

    /// A program delivers a message.
    pub fn put(&self, folder: &str, mail: &Mail) {
        self.make(folder);
        let tmp = self.place(folder, "tmp");
        self.write(&*tmp, "delivery", &local(&mail.label), Some(DATE));
        self.arrive(&*tmp, "delivery", folder, &format!("{}.user", number()), mail);
    }

    pub fn flag(&self, folder: &str, mail: &Mail) {
        let file = self.find(folder, &mail.label);
        let name = format!("{}:2,{}{}", file.base, mail.flags, self.letters(folder, &mail.keywords));
        let (from, to) = (self.dir(&file.dir).unwrap(), self.place(folder, "cur"));
        self.shift_file(&*from, &file.name, &*to, &name);
    }

    pub fn delete(&self, folder: &str, label: &str) {
        self.remove_file(&self.find(folder, label));
    }

    fn remove_file(&self, file: &File) {
        let dir = self.dir(&file.dir).unwrap();
        dir.unlink(&file.name).unwrap();
        self.sync(&[&*dir]);
    }

    /// Moves a file as `mv` does, or, with another base name, as mutt does.
    pub fn shift(&self, folder: &str, label: &str, to: &str, renamed: bool) {
        self.make(to);
        let file = self.find(folder, label);
        let base = if renamed { format!("{}.moved", number()) } else { file.base.clone() };
        self.arrive(&*self.dir(&file.dir).unwrap(), &file.name, to, &base, &file.mail);
    }

    /// Copies a file under another base name.
    pub fn copy(&self, folder: &str, label: &str, to: &str) {
        let mail = self.find(folder, label).mail;
        self.put(to, &mail);
    }

    pub fn rename_folder(&self, folder: &str, to: &str) {
        self.make_dir(to.rsplit_once('/').map_or("", |(above, _)| above));
        let ((from, name), (above, to_name)) = (self.above(folder), self.above(to));
        from.rename(&name, &*above, &to_name).unwrap();
        self.sync(&[&*above, &*from, &*self.dir("").unwrap()]);
    }

    /// Removes a folder with what is in it; folders below it stay.
    pub fn remove_folder(&self, folder: &str) {
        let dir = self.dir(folder).unwrap();
        PARTS.iter().for_each(|part| remove_all(&*dir, part));
        let _ = dir.unlink(KEYWORDS);
        let (above, name) = self.above(folder);
        let _ = above.remove_dir(&name);
        self.sync(&[&*dir, &*above]);
    }

    /// Removes every message of a folder.
    pub fn wipe(&self, folder: &str) {
        self.files(folder).iter().for_each(|file| self.remove_file(file));
    }

    /// Another directory, with nothing in it, takes a folder's place. Many file systems give it the inode of the first one.
    pub fn replace_folder(&self, folder: &str) {
        self.remove_folder(folder);
        self.make(folder);
    }

    pub fn lose_state(&self) {
        let root = self.dir("").unwrap();
        remove_all(&*root, ".mailx");
        self.sync(&[&*root]);
    }

    /// Labels of what was put by because the server deleted it.
    pub fn put_by(&self) -> Vec<String> {
        let mut labels = Vec::new();
        for folder in names(self.dir(".mailx/deleted"), any) {
            let path = format!(".mailx/deleted/{folder}");
            let dir = self.dir(&path).unwrap();
            labels.extend(names(self.dir(&path), any).iter().map(|name| label(&read(&*dir, name).unwrap_or_default())));
        }
        labels.sort_unstable();
        labels
    }

    /// Files that lie in some tmp/.
    pub fn leftovers(&self) -> Vec<String> {
        self.folders().iter().flat_map(|folder| names(self.dir(&format!("{folder}/tmp")), any)).collect()
    }
}
