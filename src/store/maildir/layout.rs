//! Folder paths ↔ directories. The mapping is reversible, and no name can leave the root, hide, collide on case, or break a file
//! system: everything of that kind is written `%XX`.

use sha2::{Digest, Sha256};

use crate::model::FolderPath;

/// How folders lie below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `Archive/2024/{cur,new,tmp}`; the INBOX is `INBOX/`.
    Fs,
    /// Maildir++: `.Archive.2024/{cur,new,tmp}`; the INBOX is the root itself.
    MaildirPlusPlus,
}

/// Octets that one directory name may have before it is cut and hashed (most file systems stop at 255).
const MAX_LEVEL: usize = 200;
/// Octets kept of a name that is cut.
const KEPT: usize = 160;
/// Names that mean something inside a Maildir or to another operating system.
const RESERVED: [&str; 8] = ["cur", "new", "tmp", "dovecot-keywords", "con", "prn", "aux", "nul"];

impl Layout {
    /// The directory of `path` relative to the root, `""` for the root itself. `variant` 0 is the usual one; each higher one is
    /// another spelling of the same path, for names that differ from a taken one in case only.
    pub fn dir(self, path: &FolderPath, variant: usize) -> String {
        if self == Self::MaildirPlusPlus && path.is_inbox() && variant == 0 {
            return String::new();
        }
        let last = path.levels().len() - 1;
        let level = |(i, level): (usize, &String)| escape(level, self, if i == last { variant } else { 0 });
        let levels: Vec<String> = path.levels().iter().enumerate().map(level).collect();
        match self {
            Self::Fs => levels.join("/"),
            Self::MaildirPlusPlus => {
                let joined = levels.join(".");
                // The whole path is one directory name here, so the bound is on the whole.
                let joined = if joined.len() > MAX_LEVEL { cut(&joined, path.to_string().as_bytes()) } else { joined };
                format!(".{joined}")
            }
        }
    }

    /// The path that `dir` stands for; `None` when it is not of our making or was cut (then only the state knows).
    pub fn path(self, dir: &str) -> Option<FolderPath> {
        let levels: Vec<&str> = match self {
            Self::Fs => dir.split('/').collect(),
            Self::MaildirPlusPlus if dir.is_empty() => return Some(FolderPath::inbox()),
            Self::MaildirPlusPlus => dir.strip_prefix('.')?.split('.').collect(),
        };
        FolderPath::new(levels.into_iter().map(unescape).collect::<Option<Vec<_>>>()?)
    }
}

fn escape(level: &str, layout: Layout, variant: usize) -> String {
    let count = level.chars().count();
    let device = level.split('.').next().unwrap_or_default();
    let numbered = |d: &str| d.len() == 4 && (d.starts_with("com") || d.starts_with("lpt")) && d.ends_with(|c: char| c.is_ascii_digit());
    let stem = device.to_ascii_lowercase();
    let reserved = RESERVED.contains(&level.to_ascii_lowercase().as_str()) || RESERVED[4..].contains(&stem.as_str()) || numbered(&stem);
    let mut out = String::with_capacity(level.len() + 8);
    let mut respelled = 0;
    for (i, c) in level.chars().enumerate() {
        let first = i == 0;
        let last = i + 1 == count;
        let plain = !c.is_control()
            && !"/%\\:*?\"<>|".contains(c)
            && !(c == '.' && (first || last || layout == Layout::MaildirPlusPlus))
            && !(c == '~' && first)
            && !(c == ' ' && last)
            && !(first && reserved);
        // Another spelling escapes letters that are plain otherwise, one more for each variant.
        if plain && respelled < variant && c.is_ascii_alphanumeric() {
            respelled += 1;
            push_escaped(&mut out, c);
        } else if plain {
            out.push(c);
        } else {
            push_escaped(&mut out, c);
        }
    }
    if respelled < variant {
        // Nothing left to respell: the hash tells the variants apart, and the state remembers.
        return cut(&out, format!("{level}\0{variant}").as_bytes());
    }
    if out.len() > MAX_LEVEL { cut(&out, level.as_bytes()) } else { out }
}

fn push_escaped(out: &mut String, c: char) {
    let mut utf8 = [0; 4];
    for byte in c.encode_utf8(&mut utf8).bytes() {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        out.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
    }
}

/// A prefix and a hash: `%~` cannot come from [`escape`], so a cut name never equals a whole one.
fn cut(escaped: &str, whole: &[u8]) -> String {
    let mut end = escaped.len().min(KEPT);
    // Not inside a character, nor inside one that is escaped.
    let escape_begins = |at: Option<usize>| at.is_some_and(|at| escaped.as_bytes()[at] == b'%');
    while !escaped.is_char_boundary(end) || escape_begins(end.checked_sub(1)) || escape_begins(end.checked_sub(2)) {
        end -= 1;
    }
    let hash = Sha256::digest(whole);
    let short = u64::from_be_bytes(std::array::from_fn(|i| hash[i]));
    format!("{}%~{short:016x}", &escaped[..end])
}

/// What a directory's name stands for. We never write a `%` that begins nothing; a user does (`100%`), and means it.
fn unescape(level: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(level.len());
    let mut rest = level.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' && tail.first() == Some(&b'~') {
            return None;
        }
        let hex = tail.get(..2).filter(|hex| byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        if let Some(hex) = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            bytes.push(hex);
            rest = &tail[2..];
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(levels: &[&str]) -> FolderPath {
        FolderPath::new(levels.iter().map(|l| (*l).to_string())).unwrap()
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        assert_eq!(Layout::Fs.dir(&path(&["Archive", "2024"]), 0), "Archive/2024");
        assert_eq!(Layout::Fs.dir(&path(&["Entwürfe"]), 0), "Entwürfe");
        assert_eq!(Layout::Fs.dir(&path(&["inbox"]), 0), "INBOX");
        assert_eq!(Layout::MaildirPlusPlus.dir(&path(&["INBOX"]), 0), "");
        assert_eq!(Layout::MaildirPlusPlus.dir(&path(&["Archive", "v1.2"]), 0), ".Archive.v1%2E2");
    }

    #[test]
    fn names_that_leave_hide_or_break_are_escaped() {
        let cases = [
            (&["..", "..", "x"][..], "%2E%2E/%2E%2E/x"),
            (&["."], "%2E"),
            (&["a/b"], "a%2Fb"),
            (&["/etc"], "%2Fetc"),
            (&["~root"], "%7Eroot"),
            (&[".hidden"], "%2Ehidden"),
            (&["cur"], "%63ur"),
            (&["New"], "%4Eew"),
            (&["nul.txt"], "%6Eul.txt"),
            (&["CON"], "%43ON"),
            (&["com1"], "%63om1"),
            (&["a."], "a%2E"),
            (&["a "], "a%20"),
            (&["a:b"], "a%3Ab"),
            (&["100%"], "100%25"),
            (&["a\0b\r\n"], "a%00b%0D%0A"),
        ];
        for (levels, dir) in cases {
            assert_eq!(Layout::Fs.dir(&path(levels), 0), dir, "{levels:?}");
        }
    }

    #[test]
    fn a_percent_sign_that_begins_no_escape_is_one() {
        for (dir, name) in [("100%", "100%"), ("50% off", "50% off"), ("m%n", "m%n"), ("%4", "%4"), ("%+1", "%+1"), ("100%25", "100%")] {
            assert_eq!(Layout::Fs.path(dir), Some(path(&[name])), "{dir}");
        }
        // Half a character, and a name that was cut.
        assert_eq!(Layout::Fs.path("50%de"), None);
        assert_eq!(Layout::Fs.path("x%~0123456789abcdef"), None);
    }

    #[test]
    fn another_spelling_is_another_directory_for_the_same_path() {
        let name = path(&["Case"]);
        let dirs: std::collections::HashSet<String> = (0..8).map(|v| Layout::Fs.dir(&name, v).to_lowercase()).collect();
        assert_eq!(dirs.len(), 8);
        assert_eq!(Layout::Fs.dir(&name, 1), "%43ase");
        assert!((0..5).all(|v| Layout::Fs.path(&Layout::Fs.dir(&name, v)) == Some(name.clone())));
    }

    #[test]
    fn names_without_a_plain_letter_have_other_spellings_too() {
        for name in ["é", "日本", "\u{202e}", "…", "é%", "\u{1}é"] {
            let dirs: std::collections::HashSet<String> =
                (0..4).flat_map(|v| [Layout::Fs, Layout::MaildirPlusPlus].map(|l| l.dir(&path(&[name]), v))).collect();
            assert!(dirs.len() >= 4, "{dirs:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_distinct() {
        let (a, b) = (path(&[&"ü".repeat(150)]), path(&[&("ü".repeat(149) + "x")]));
        let (da, db) = (Layout::Fs.dir(&a, 0), Layout::Fs.dir(&b, 0));
        assert!(da.len() <= MAX_LEVEL && db.len() <= MAX_LEVEL && da != db);
        assert_eq!(Layout::Fs.path(&da), None);
    }

    proptest! {
        #[test]
        fn every_path_comes_back_and_stays_inside(levels in prop::collection::vec("\\PC{1,12}|[./~%a-c:\\\\\u{0}-\u{1f}]{1,6}", 1..4), fs in any::<bool>(), variant in 0usize..3) {
            let layout = if fs { Layout::Fs } else { Layout::MaildirPlusPlus };
            let path = FolderPath::new(levels).unwrap();
            let dir = layout.dir(&path, variant);
            for level in dir.split('/') {
                prop_assert!(level != ".." && level != "." && level.len() <= 255);
                prop_assert!(!level.contains(['\0', '\\', ':']) && (!level.starts_with('.') || !fs));
                prop_assert!(!["cur", "new", "tmp"].contains(&level.to_lowercase().as_str()));
            }
            prop_assert!(!dir.starts_with('/'));
            if !dir.contains("%~") {
                prop_assert_eq!(layout.path(&dir), Some(path));
            }
        }

        #[test]
        fn two_paths_never_share_a_directory(a in "[a-c./%~ ]{1,6}", b in "[a-c./%~ ]{1,6}") {
            let (pa, pb) = (path(&[&a]), path(&[&b]));
            prop_assert_eq!(pa == pb, Layout::Fs.dir(&pa, 0) == Layout::Fs.dir(&pb, 0));
        }
    }
}
