//! The Maildir as its user and other programs see and change it; knows maildir(5) and nothing of mailx.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use mailx::model::{FlagState, Flags, Keyword};

use crate::mail::{Mail, Side, label, local};

const PARTS: [&str; 3] = ["cur", "new", "tmp"];
const KEYWORDS: &str = "dovecot-keywords";

/// A Maildir root.
pub struct Here(pub PathBuf);

/// A file in cur/ or new/.
struct File {
    path: PathBuf,
    base: String,
    mail: Mail,
}

/// A number that no other call gets.
fn number() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Relaxed)
}

impl Here {
    fn dir(&self, folder: &str) -> PathBuf {
        self.0.join(folder)
    }

    /// Everything that lies in the folders.
    pub fn side(&self) -> Side {
        let mut found = Vec::new();
        self.walk(&self.0, &mut found);
        Side::new(found.into_iter().map(|folder| {
            let mails = self.files(&folder).into_iter().map(|f| f.mail).collect();
            (folder, mails)
        }))
    }

    fn walk(&self, dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == ".mailx" || PARTS.contains(&name.as_str()) || !entry.path().is_dir() {
                continue;
            }
            if entry.path().join("cur").is_dir() {
                found.push(entry.path().strip_prefix(&self.0).unwrap().to_string_lossy().into_owned());
            }
            self.walk(&entry.path(), found);
        }
    }

    fn files(&self, folder: &str) -> Vec<File> {
        let keywords = self.keywords(folder);
        let mut files = Vec::new();
        for part in ["cur", "new"] {
            for entry in fs::read_dir(self.dir(folder).join(part)).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let Ok(bytes) = fs::read(entry.path()) else { continue };
                let (base, letters) = name.split_once(":2,").unwrap_or((&name, ""));
                let words = letters.chars().filter(char::is_ascii_lowercase);
                let mut words: Vec<Keyword> = words.filter_map(|c| keywords.get(c as usize - 'a' as usize).cloned()).collect();
                words.sort_unstable();
                let state = FlagState { flags: Flags::from_letters(letters), keywords: words };
                files.push(File { path: entry.path(), base: base.to_owned(), mail: Mail::of(&bytes, &state) });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn find(&self, folder: &str, label: &str) -> File {
        let found = self.files(folder).into_iter().find(|f| f.mail.label == label);
        found.unwrap_or_else(|| panic!("no {label} in {folder} here: {}", self.side()))
    }

    fn keywords(&self, folder: &str) -> Vec<Keyword> {
        let text = fs::read_to_string(self.dir(folder).join(KEYWORDS)).unwrap_or_default();
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
            fs::write(self.dir(folder).join(KEYWORDS), text).unwrap();
        }
        letters.sort_unstable();
        letters.into_iter().collect()
    }

    fn place(&self, folder: &str, base: &str, mail: &Mail) -> PathBuf {
        let letters = self.letters(folder, &mail.keywords);
        if mail.flags.is_empty() && letters.is_empty() {
            return self.dir(folder).join("new").join(base);
        }
        self.dir(folder).join("cur").join(format!("{base}:2,{}{letters}", mail.flags))
    }

    pub fn make(&self, folder: &str) {
        for part in PARTS {
            fs::create_dir_all(self.dir(folder).join(part)).unwrap();
        }
    }

    /// Somebody moves a file as it is, with letters that mean something else there.
    pub fn rename_file(&self, folder: &str, label: &str, to: &str) {
        let file = self.find(folder, label);
        self.make(to);
        fs::rename(&file.path, self.dir(to).join("cur").join(file.path.file_name().unwrap())).unwrap();
    }

    /// A program delivers a message.
    pub fn put(&self, folder: &str, mail: &Mail) {
        self.make(folder);
        let tmp = self.dir(folder).join("tmp").join("delivery");
        fs::write(&tmp, local(&mail.label)).unwrap();
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        fs::File::options().write(true).open(&tmp).unwrap().set_modified(date).unwrap();
        fs::rename(&tmp, self.place(folder, &format!("{}.user", number()), mail)).unwrap();
    }

    pub fn flag(&self, folder: &str, mail: &Mail) {
        let file = self.find(folder, &mail.label);
        let name = format!("{}:2,{}{}", file.base, mail.flags, self.letters(folder, &mail.keywords));
        fs::rename(&file.path, self.dir(folder).join("cur").join(name)).unwrap();
    }

    pub fn delete(&self, folder: &str, label: &str) {
        fs::remove_file(self.find(folder, label).path).unwrap();
    }

    /// Moves a file as `mv` does, or, with another base name, as mutt does.
    pub fn shift(&self, folder: &str, label: &str, to: &str, renamed: bool) {
        self.make(to);
        let file = self.find(folder, label);
        let base = if renamed { format!("{}.moved", number()) } else { file.base.clone() };
        fs::rename(&file.path, self.place(to, &base, &file.mail)).unwrap();
    }

    /// Copies a file under another base name.
    pub fn copy(&self, folder: &str, label: &str, to: &str) {
        let mail = self.find(folder, label).mail;
        self.put(to, &mail);
    }

    pub fn rename_folder(&self, folder: &str, to: &str) {
        if let Some(above) = self.dir(to).parent() {
            fs::create_dir_all(above).unwrap();
        }
        fs::rename(self.dir(folder), self.dir(to)).unwrap();
    }

    /// Removes a folder with what is in it; folders below it stay.
    pub fn remove_folder(&self, folder: &str) {
        for part in PARTS {
            fs::remove_dir_all(self.dir(folder).join(part)).unwrap();
        }
        let _ = fs::remove_file(self.dir(folder).join(KEYWORDS));
        let _ = fs::remove_dir(self.dir(folder));
    }

    /// Removes every message of a folder.
    pub fn wipe(&self, folder: &str) {
        self.files(folder).into_iter().for_each(|f| fs::remove_file(f.path).unwrap());
    }

    /// Another directory, with nothing in it, takes a folder's place.
    pub fn replace_folder(&self, folder: &str) {
        // Both exist at once, so that they cannot be the same inode.
        let aside = self.0.join(format!("{folder}-aside"));
        fs::rename(self.dir(folder), &aside).unwrap();
        self.make(folder);
        fs::remove_dir_all(aside).unwrap();
    }

    pub fn lose_state(&self) {
        fs::remove_dir_all(self.0.join(".mailx")).unwrap();
    }

    /// Labels of what was put by because the server deleted it.
    pub fn put_by(&self) -> Vec<String> {
        let mut labels = Vec::new();
        for folder in fs::read_dir(self.0.join(".mailx/deleted")).into_iter().flatten().flatten() {
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                labels.push(label(&fs::read(file.path()).unwrap_or_default()));
            }
        }
        labels.sort_unstable();
        labels
    }

    /// Files that lie in some tmp/.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        self.walk(&self.0, &mut folders);
        let in_tmp = |folder: &String| fs::read_dir(self.dir(folder).join("tmp")).into_iter().flatten().flatten().map(|e| e.path());
        folders.iter().flat_map(in_tmp).collect()
    }

    /// Makes the last changes look old, each at a time of its own, so that a look at the time stamps of the directories is enough.
    pub fn let_time_pass(&self) {
        let recent = SystemTime::now() - Duration::from_secs(60);
        let mut folders = Vec::new();
        self.walk(&self.0, &mut folders);
        for folder in folders {
            for part in ["cur", "new", KEYWORDS] {
                let path = self.dir(&folder).join(part);
                let Ok(file) = fs::File::open(&path) else { continue };
                if file.metadata().and_then(|m| m.modified()).is_ok_and(|at| at > recent) {
                    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + number())).unwrap();
                }
            }
        }
    }
}
