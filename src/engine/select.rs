//! Which folders take part.

use globset::{GlobBuilder, GlobMatcher};

use crate::model::{Class, Error, FolderPath, Result, Role};

/// Patterns of one source (the configuration, or the command line): a folder is taken when an including pattern fits, or there is
/// none, and no excluding one does.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    includes: Vec<Pattern>,
    excludes: Vec<Pattern>,
}

#[derive(Debug, Clone)]
enum Pattern {
    Role(Role),
    /// Everything, as most accounts have it. Like a plain name it needs no matcher, which costs time and memory to make.
    All,
    Name(String),
    Path(GlobMatcher),
}

impl Patterns {
    /// Reads patterns: decoded paths with `/`; `*` crosses `/`, `?` is one character, everything else is literal; `\Junk` names a
    /// special use; `!` in front excludes.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let mut all = Self::default();
        for pattern in patterns {
            let (list, text) = match pattern.strip_prefix('!') {
                Some(text) => (&mut all.excludes, text),
                None => (&mut all.includes, pattern.as_str()),
            };
            list.push(Pattern::new(text)?);
        }
        Ok(all)
    }

    /// Whether the folder is taken.
    pub fn take(&self, path: &FolderPath, role: Option<Role>) -> bool {
        self.rank(path, role).is_some()
    }

    /// Which of the including patterns takes the folder, the first counted as 0; `None` = it is not taken.
    pub fn rank(&self, path: &FolderPath, role: Option<Role>) -> Option<usize> {
        let fits = |p: &Pattern| p.fits(path, role);
        let rank = if self.includes.is_empty() { Some(0) } else { self.includes.iter().position(fits) };
        rank.filter(|_| !self.excludes.iter().any(fits))
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::new(Class::Usage, format!("read the folder pattern `{text}`"), why.to_owned());
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.starts_with('\\') {
            let uses: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
            let role =
                Role::from_attribute(text).ok_or_else(|| bad("no such special use").hint(format!("known are {}", uses.join(" "))))?;
            return Ok(Self::Role(role));
        }
        let text = if text.eq_ignore_ascii_case("inbox") { "INBOX" } else { text };
        if text == "*" {
            return Ok(Self::All);
        }
        if !text.contains(['*', '?']) {
            return Ok(Self::Name(text.to_owned()));
        }
        let mut escaped = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if "[]{}\\!".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        let glob = GlobBuilder::new(&escaped).literal_separator(false).backslash_escape(true).build();
        Ok(Self::Path(glob.map_err(|e| bad(&e.to_string()))?.compile_matcher()))
    }

    fn fits(&self, path: &FolderPath, role: Option<Role>) -> bool {
        match self {
            Self::Role(wanted) => role == Some(*wanted),
            Self::All => true,
            Self::Name(name) => path.to_string() == *name,
            Self::Path(glob) => glob.is_match(path.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(patterns: &[&str], path: &str, role: Option<Role>) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        Patterns::new(&patterns).unwrap().take(&FolderPath::new(path.split('/').map(str::to_owned)).unwrap(), role)
    }

    #[test]
    fn patterns_include_and_exclude() {
        assert!(take(&[], "Anything/at all", None));
        assert!(take(&["*"], "a/b/c", None));
        assert!(take(&["Lists/*"], "Lists/dev/x", None) && !take(&["Lists/*"], "Lists", None));
        assert!(take(&["?rchive"], "Archive", None) && !take(&["?rchive"], "Archives", None));
        assert!(take(&["inbox"], "INBOX", None) && !take(&["inbox"], "INBOX/x", None));
        assert!(!take(&["*", "!\\Junk"], "Spam", Some(Role::Junk)) && take(&["*", "!\\Junk"], "Junk", None));
        assert!(take(&["!Trash"], "Sent", None) && !take(&["!Trash"], "Trash", None));
        assert!(take(&["[a] {b}"], "[a] {b}", None) && !take(&["[a]"], "a", None));
        let ranked = Patterns::new(&["INBOX".into(), "Lists/a".into(), "Lists/*".into(), "!Lists/c".into()]).unwrap();
        let rank = |path: &str| ranked.rank(&FolderPath::new(path.split('/').map(str::to_owned)).unwrap(), None);
        assert_eq!(["INBOX", "Lists/a", "Lists/b", "Lists/c", "x"].map(rank), [Some(0), Some(1), Some(2), None, None]);
        assert!(Patterns::new(&["\\Nope".into()]).is_err() && Patterns::new(&[String::new()]).is_err());
    }
}
