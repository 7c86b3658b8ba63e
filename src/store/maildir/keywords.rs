//! Keywords as Maildir letters a–z: the folder's `dovecot-keywords` file (a line `N keyword` for the letter `a` + N), as Dovecot and
//! mbsync's peers write it. Past 26 a keyword has no letter and lives in the state only.

use std::io::Read as _;

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::model::{Error, Keyword, Result};

use super::dir::FolderDir;

const FILE: &str = "dovecot-keywords";
/// Octets of the file that are read; 26 bounded keywords are far below.
const MAX_FILE: u64 = 64 << 10;

/// The letters of one folder.
#[derive(Debug, Clone, Default)]
pub struct KeywordLetters {
    slots: [Option<Keyword>; 26],
    dirty: bool,
}

impl KeywordLetters {
    /// Reads the folder's file; an absent one is empty, lines that make no sense are passed over.
    pub fn load(dir: &FolderDir) -> Result<Self> {
        let mut letters = Self::default();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let tried = || format!("read {FILE} of the Maildir folder `{}`", dir.path);
        let file = match rustix::fs::openat(&dir.base, FILE, flags, Mode::empty()) {
            Ok(fd) => std::fs::File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(letters),
            Err(error) => return Err(Error::local(tried(), &error.into())),
        };
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text).map_err(|e| Error::local(tried(), &e))?;
        for line in text.lines() {
            if let Some((number, keyword)) = line.split_once(' ')
                && let Ok(number) = number.parse::<usize>()
                && let Some(slot) = letters.slots.get_mut(number)
            {
                *slot = Keyword::new(keyword);
            }
        }
        Ok(letters)
    }

    /// The sorted letters of `keywords`; new ones get the next free letter while there is one.
    pub fn letters(&mut self, keywords: &[Keyword]) -> String {
        let mut out: Vec<char> = keywords.iter().filter_map(|k| self.slot(k)).map(|n| char::from(b'a' + n as u8)).collect();
        out.sort_unstable();
        out.into_iter().collect()
    }

    fn slot(&mut self, keyword: &Keyword) -> Option<usize> {
        if let Some(known) = self.slots.iter().position(|s| s.as_ref().is_some_and(|k| k.as_str().eq_ignore_ascii_case(keyword.as_str()))) {
            return Some(known);
        }
        let free = self.slots.iter().position(Option::is_none)?;
        self.slots[free] = Some(keyword.clone());
        self.dirty = true;
        Some(free)
    }

    /// Writes the file durably when a letter was given away since it was read. Call it before a name with that letter is published.
    pub fn save(&mut self, dir: &FolderDir) -> Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            let named = self.slots.iter().enumerate().filter_map(|(n, k)| k.as_ref().map(|k| format!("{n} {k}\n")));
            let text: String = named.collect();
            let tmp = format!("{}keywords", super::name::TMP_PREFIX);
            let _ = rustix::fs::unlinkat(&dir.tmp, tmp.as_str(), AtFlags::empty());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mut file = std::fs::File::from(rustix::fs::openat(&dir.tmp, tmp.as_str(), flags, Mode::RUSR | Mode::WUSR)?);
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()?;
            rustix::fs::renameat(&dir.tmp, tmp.as_str(), &dir.base, FILE)?;
            rustix::fs::fsync(&dir.base)?;
            Ok(())
        };
        write().map_err(|e| Error::local(format!("write {FILE} of the Maildir folder `{}`", dir.path), &e))?;
        self.dirty = false;
        Ok(())
    }
}
