//! Keywords as Maildir letters a–z: the folder's `dovecot-keywords` file (a line `N keyword` for the letter `a` + N), as Dovecot and
//! mbsync's peers write it. Past 26 a keyword has no letter and lives in the state only.

use std::io::{self, Read as _, Write as _};

use crate::model::{Error, Keyword, Result};
use crate::store::disk::Kind;

use super::dir::FolderDir;

pub(super) const FILE: &str = "dovecot-keywords";
/// Octets of the file that are read; 26 bounded keywords are far below.
const MAX_FILE: u64 = 64 << 10;

/// The letters of one folder.
#[derive(Debug, Clone, Default)]
pub struct KeywordLetters {
    slots: [Slot; 26],
    /// The file as it was read, with the lines that we cannot read, and what was given away since.
    text: Vec<u8>,
    /// The file cannot be read as what it should be: no letters are given away, and it is left as it is.
    unavailable: bool,
    dirty: bool,
    /// Letters were asked for that the file had already: a run that died, or another program, may have left it as it would not outlive a
    /// loss of power.
    relied_on: bool,
    /// What is in the file is durable.
    durable: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Slot {
    #[default]
    Free,
    /// Another program gave it to a word that is no keyword to us: nobody else may have it.
    Foreign,
    Taken(Keyword),
}

impl Slot {
    fn is(&self, keyword: &Keyword) -> bool {
        matches!(self, Self::Taken(k) if k.as_str().eq_ignore_ascii_case(keyword.as_str()))
    }
}

fn letter(slot: usize) -> char {
    char::from(b'a' + slot as u8)
}

impl KeywordLetters {
    /// Reads the folder's file; an absent one is empty, lines that make no sense are passed over. A file that is none (a link, a
    /// directory, far too large) gives no letters, because mail is worth more than they: only we being out of handles or memory is
    /// an error.
    pub fn load(dir: &FolderDir) -> Result<Self> {
        match read(dir) {
            Ok(Some(text)) => Ok(Self::parse(text)),
            Ok(None) => Ok(Self::unavailable(dir, "it is no regular file or too large")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) if matches!(error.raw_os_error(), Some(12 | 23 | 24)) => {
                // ENOMEM, ENFILE, EMFILE
                Err(Error::local(format!("read {FILE} of the Maildir folder `{}`", dir.path), &error))
            }
            Err(error) => Ok(Self::unavailable(dir, &error.to_string())),
        }
    }

    fn unavailable(dir: &FolderDir, why: &str) -> Self {
        tracing::warn!(folder = %dir.path, why, "keywords get no letters: {FILE} is left as it is");
        Self { unavailable: true, ..Self::default() }
    }

    fn parse(text: Vec<u8>) -> Self {
        let mut slots: [Slot; 26] = Default::default();
        for line in text.split(|b| *b == b'\n') {
            let number = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
            let (number, word) = (&line[..number], line.get(number + 1..).unwrap_or_default());
            if let Some(number) = std::str::from_utf8(number).ok().and_then(|n| n.parse::<usize>().ok())
                && let Some(slot) = slots.get_mut(number)
            {
                let word = word.strip_suffix(b"\r").unwrap_or(word);
                *slot = std::str::from_utf8(word).ok().and_then(Keyword::new).map_or(Slot::Foreign, Slot::Taken);
            }
        }
        Self { slots, text, ..Self::default() }
    }

    /// The keywords that `letters` of a file name stand for, sorted; with those of `agreed` that have no letter here, and so cannot be
    /// read from a name. Letters that stand for nothing are passed over.
    pub fn keywords(&self, letters: &str, agreed: &[Keyword]) -> Vec<Keyword> {
        let spelled = letters.bytes().filter(u8::is_ascii_lowercase).filter_map(|b| match &self.slots[usize::from(b - b'a')] {
            Slot::Taken(keyword) => Some(keyword.clone()),
            _ => None,
        });
        let unspelled = agreed.iter().filter(|k| !self.slots.iter().any(|s| s.is(k))).cloned();
        let mut all: Vec<Keyword> = spelled.chain(unspelled).collect();
        // One word in two spellings is one keyword: that which was agreed on.
        for keyword in &mut all {
            if let Some(known) = agreed.iter().find(|k| k.as_str().eq_ignore_ascii_case(keyword.as_str())) {
                *keyword = known.clone();
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// `letters` of a file name with the letters of some keywords added and of others removed; letters of other programs stay.
    pub fn change(&mut self, letters: &str, add: &[Keyword], remove: &[Keyword]) -> String {
        let gone: Vec<char> = remove.iter().filter_map(|k| self.slots.iter().position(|s| s.is(k))).map(letter).collect();
        let mut all: Vec<char> = letters.chars().filter(|c| c.is_ascii_lowercase() && !gone.contains(c)).collect();
        all.extend(self.letters(add).chars());
        all.sort_unstable();
        all.dedup();
        all.into_iter().collect()
    }

    /// The sorted letters of those `keywords` that have one.
    pub fn letters_known(&self, keywords: &[Keyword]) -> String {
        let mut out: Vec<char> = keywords.iter().filter_map(|k| self.slots.iter().position(|s| s.is(k))).map(letter).collect();
        out.sort_unstable();
        out.into_iter().collect()
    }

    /// The sorted letters of `keywords`; new ones get the next free letter while there is one.
    pub fn letters(&mut self, keywords: &[Keyword]) -> String {
        let mut out: Vec<char> = keywords.iter().filter_map(|k| self.slot(k)).map(letter).collect();
        out.sort_unstable();
        out.into_iter().collect()
    }

    fn slot(&mut self, keyword: &Keyword) -> Option<usize> {
        if self.unavailable {
            return None;
        }
        if let Some(known) = self.slots.iter().position(|s| s.is(keyword)) {
            self.relied_on = true;
            return Some(known);
        }
        let free = self.slots.iter().position(|s| *s == Slot::Free)?;
        self.slots[free] = Slot::Taken(keyword.clone());
        if !self.text.is_empty() && !self.text.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(format!("{free} {keyword}\n").as_bytes());
        self.dirty = true;
        Some(free)
    }

    /// Makes the file durable, and writes it when a letter was given away since it was read. Call it before a name with a letter of
    /// [`Self::letters`] is published.
    pub fn save(&mut self, dir: &FolderDir) -> Result<()> {
        if !self.dirty && (self.durable || !self.relied_on) {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            if !self.dirty {
                dir.base.open(FILE)?.sync()?;
                return dir.base.sync();
            }
            let tmp = format!("{}keywords", super::name::TMP_PREFIX);
            let _ = dir.tmp.unlink(&tmp);
            let mut file = dir.tmp.create(&tmp)?;
            file.write_all(&self.text)?;
            file.sync()?;
            dir.tmp.replace(&tmp, &*dir.base, FILE)?;
            dir.base.sync()
        };
        write().map_err(|e| Error::local(format!("write {FILE} of the Maildir folder `{}`", dir.path), &e))?;
        (self.dirty, self.durable) = (false, true);
        Ok(())
    }
}

/// The octets of the file; `None` when it is no regular file, or larger than 26 keywords can make it.
fn read(dir: &FolderDir) -> io::Result<Option<Vec<u8>>> {
    let file = dir.base.open(FILE)?;
    if file.stat()?.kind != Kind::File {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    Ok((text.len() as u64 <= MAX_FILE).then_some(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::store::disk::{Disk as _, OsDisk};

    fn folder(at: &Path) -> FolderDir {
        FolderDir::make(&*OsDisk.open(at).unwrap(), "").unwrap().0
    }

    fn keywords(words: &[&str]) -> Vec<Keyword> {
        words.iter().map(|w| Keyword::new(w).unwrap()).collect()
    }

    #[test]
    fn a_slot_that_we_cannot_spell_stays_taken_and_stays_in_the_file() {
        let home = tempfile::tempdir().unwrap();
        let (dir, file) = (folder(home.path()), home.path().join(FILE));
        let before = b"0 work\n1 caf\xe9\n2 two words\n30 far\nnonsense\n4 x".as_slice();
        std::fs::write(&file, before).unwrap();
        let mut letters = KeywordLetters::load(&dir).unwrap();
        assert_eq!(letters.letters(&keywords(&["WORK", "new", "x", "newer"])), "adef");
        letters.save(&dir).unwrap();
        let after = std::fs::read(&file).unwrap();
        assert_eq!(after, [before, b"\n3 new\n5 newer\n"].concat());
        assert_eq!(KeywordLetters::load(&dir).unwrap().letters(&keywords(&["newer"])), "f");
    }

    #[test]
    fn a_file_that_is_none_gives_no_letters_and_stays_as_it_is() {
        let make: [fn(&Path); 4] = [
            |file| symlink("elsewhere", file).unwrap(),
            |file| std::fs::create_dir(file).unwrap(),
            |file| std::fs::write(file, "0 work\n".repeat(10_000)).unwrap(),
            |file| rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap(),
        ];
        for make in make {
            let home = tempfile::tempdir().unwrap();
            let (dir, file) = (folder(home.path()), home.path().join(FILE));
            make(&file);
            let kind = std::fs::symlink_metadata(&file).unwrap().file_type();
            let mut letters = KeywordLetters::load(&dir).unwrap();
            assert_eq!(letters.letters(&keywords(&["work"])), "");
            letters.save(&dir).unwrap();
            assert_eq!(std::fs::symlink_metadata(&file).unwrap().file_type(), kind);
        }
    }
}
