//! Which folders take part.

use globset::{GlobBuilder, GlobMatcher};

use crate::model::folder::{SPECIAL, literal};
use crate::model::{Class, Error, FolderPath, Result, Role};

/// Patterns of one source (the configuration, or the command line): a folder is taken when an including pattern fits, or there is
/// none, and no excluding one does.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    includes: Vec<Pattern>,
    excludes: Vec<Pattern>,
}

/// The option that lifts the guard of this folder alone, as it is typed into a shell.
pub fn guard_option(path: &FolderPath) -> String {
    let pattern = literal(&path.to_string());
    let plain = pattern.chars().all(|c| c.is_alphanumeric() || "-_./+,:@%=".contains(c));
    if plain { format!("--allow-mass-delete={pattern}") } else { format!("--allow-mass-delete='{}'", pattern.replace('\'', "'\\''")) }
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
    /// Reads patterns: decoded paths with `/`; `*` crosses `/`, `?` is one character, everything else is literal, and so are these
    /// after a backslash; `\Junk` names a special use; `!` in front excludes.
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

    /// Those of `--allow-mass-delete`, which must name what they allow: what is left out alone would leave the guard off everywhere else.
    pub fn of_guard(patterns: &[String]) -> Result<Self> {
        let all = Self::new(patterns)?;
        if all.includes.is_empty() {
            let failed = "it only names what is left out, and would lift the guard of every other folder";
            let error = Error::new(Class::Usage, "read --allow-mass-delete", failed);
            return Err(error.hint("name the folder that is meant; before a `!` that belongs to its name write a backslash"));
        }
        Ok(all)
    }

    /// Whether the folder is taken.
    pub fn take(&self, path: &FolderPath, role: Option<Role>) -> bool {
        self.rank(path, role).is_some()
    }

    /// The folders that are asked for by their names, and are not among these.
    pub fn lacking<'a>(&'a self, there: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> {
        let names = self.includes.iter().filter_map(|p| if let Pattern::Name(name) = p { Some(name.as_str()) } else { None });
        names.filter(move |name| !there(name))
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
        if text.starts_with('\\') && !text[1..].starts_with(SPECIAL) {
            let uses: Vec<&str> = Role::ALL.iter().map(|(_, name)| *name).collect();
            let role =
                Role::from_attribute(text).ok_or_else(|| bad("no such special use").hint(format!("known are {}", uses.join(" "))))?;
            return Ok(Self::Role(role));
        }
        let text = if text.eq_ignore_ascii_case("inbox") { "INBOX" } else { text };
        if text == "*" {
            return Ok(Self::All);
        }
        let (mut name, mut escaped, mut wild) = (String::with_capacity(text.len()), String::with_capacity(text.len() + 8), false);
        let mut rest = text.chars().peekable();
        while let Some(mut c) = rest.next() {
            let literal = if c == '\\' { rest.next_if(|next| SPECIAL.contains(next)) } else { None };
            c = literal.unwrap_or(c);
            let is_wild = literal.is_none() && matches!(c, '*' | '?');
            wild |= is_wild;
            if !is_wild && "*?[]{}\\!".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
            name.push(c);
        }
        if !wild {
            return Ok(Self::Name(name));
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

    #[test]
    fn what_lifts_the_guard_of_one_folder_lifts_no_other_one() {
        let odd = ["!bang", "star*", "what?", "\\Junk", "a\\*b", "a\\b", "\\\\", "[x]", "{a,b}", "it's", "a b", "!", "*", "?"];
        let path = |text: &str| FolderPath::new([text.to_owned()]).unwrap();
        for name in odd {
            let patterns = Patterns::of_guard(&[literal(name)]).unwrap();
            assert!(patterns.take(&path(name), None), "{name}");
            for other in odd.into_iter().filter(|other| *other != name).chain(["starfish", "bang", "whats", "INBOX"]) {
                assert!(!patterns.take(&path(other), Some(Role::Junk)), "{name} takes {other}");
            }
        }
        assert_eq!(guard_option(&path("Archive")), "--allow-mass-delete=Archive");
        assert_eq!(guard_option(&path("!bang")), r"--allow-mass-delete='\!bang'");
        assert_eq!(guard_option(&path("it's")), r"--allow-mass-delete='it'\''s'");
    }

    #[test]
    fn the_guard_is_not_lifted_by_what_is_left_out() {
        assert_eq!(Patterns::of_guard(&["!bang".into()]).unwrap_err().class, Class::Usage);
        let patterns = Patterns::of_guard(&["*".into(), "!bang".into()]).unwrap();
        assert!(patterns.take(&FolderPath::inbox(), None));
    }
}
