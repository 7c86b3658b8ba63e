//! Problems of a file, each with its place; together they become one error that names them all.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use super::nearest::nearest;
use crate::model::{Class, Error};

/// More are not shown: whoever has so many has given the wrong file.
const PROBLEMS_MAX: usize = 50;

/// Characters of a line that an excerpt shows.
const EXCERPT_CHARS: usize = 160;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Octets of the file that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The values on the line are not shown: nobody knows whether one of them is a secret.
    pub hidden: bool,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), hint: None, hidden: false }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with values hidden.
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// A key that nobody knows here. Its value is hidden: it may be a mistyped `password`.
    pub fn unknown_key(span: Range<usize>, key: &str, known: &[&str]) -> Self {
        let problem = Self::new(span, format!("unknown key `{}`", key.escape_debug())).hidden();
        match nearest(key, known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known here: {}", known.join(", "))),
        }
    }
}

/// All problems as one error of class `config`.
pub(super) fn report(path: &Path, text: &str, mut problems: Vec<Problem>) -> Box<Error> {
    problems.sort_by_key(|problem| problem.span.start);
    problems.dedup();
    let mut words = String::new();
    for problem in problems.iter().take(PROBLEMS_MAX) {
        if !words.is_empty() {
            words.push('\n');
        }
        render(&mut words, path, text, problem);
    }
    if problems.len() > PROBLEMS_MAX {
        let _ = write!(words, "\nand {} more", problems.len() - PROBLEMS_MAX);
    }
    let count = problems.len();
    let failed = if count == 1 { words } else { format!("{count} problems\n{words}") };
    Error::new(Class::Config, "read the configuration", failed)
}

/// Line (from 0) of an offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|octet| **octet == b'\n').count()
}

fn render(out: &mut String, path: &Path, text: &str, problem: &Problem) {
    let mut start = problem.span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let number = line_of(text, start) + 1;
    let column = text.get(line_start..start).unwrap_or_default().chars().count();
    let inside = text.get(line_start..problem.span.end.min(line_start + line.len())).unwrap_or_default();
    let width = inside.chars().count().saturating_sub(column).max(1);

    let _ = write!(out, "{}:{number}:{}: {}", path.display(), column + 1, problem.what);
    let shown = excerpt(text, line_start, line, problem.hidden);
    // A caret beyond a cut line would point at nothing.
    if column < EXCERPT_CHARS {
        let width = width.min(EXCERPT_CHARS - column);
        let gutter = number.to_string().len();
        let _ = write!(out, "\n{number} | {shown}\n{:gutter$} | {:column$}{}", "", "", "^".repeat(width));
    }
    if let Some(hint) = &problem.hint {
        let _ = write!(out, "\n{hint}");
    }
}

/// The line as it may be shown: as long as a screen is wide, without control characters, and without anything that could be a
/// secret. Every mask keeps the length, so that the caret stays right.
fn excerpt(text: &str, line_start: usize, line: &str, hidden: bool) -> String {
    let before = text.get(..line_start).unwrap_or_default();
    let inside_string = before.matches("\"\"\"").count() % 2 == 1 || before.matches("'''").count() % 2 == 1;
    let lower = line.to_lowercase();
    let masked: String = if inside_string {
        "*".repeat(line.chars().count())
    } else if hidden || lower.contains("pass") || lower.contains('\\') {
        // A backslash can spell the key itself (`"p\u0061ssword"`).
        mask_strings(line)
    } else {
        mask_userinfo(line)
    };
    masked.chars().take(EXCERPT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Everything between quotes, and everything behind `=` that is neither quoted nor punctuation.
fn mask_strings(line: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut value = false;
    line.chars()
        .map(|c| match quote {
            Some(_) if escaped => {
                escaped = false;
                '*'
            }
            Some('"') if c == '\\' => {
                escaped = true;
                '*'
            }
            Some(open) if c == open => {
                quote = None;
                c
            }
            Some(_) => '*',
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                c
            }
            None if c == '=' || c == '{' || c == ',' => {
                value = c == '=';
                c
            }
            None if value && c != ' ' && c != '}' && c != '[' && c != ']' => '*',
            None => c,
        })
        .collect()
}

/// The password of `scheme://user:password@host`.
fn mask_userinfo(line: &str) -> String {
    let Some(scheme) = line.find("://") else { return line.to_owned() };
    let rest = scheme + 3;
    let (Some(colon), Some(at)) = (line.get(rest..).and_then(|r| r.find(':')), line.rfind('@')) else { return line.to_owned() };
    let colon = rest + colon;
    line.char_indices().map(|(index, c)| if index > colon && index < at { '*' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_never_show_a_secret() {
        for (line, shown) in [
            ("password = \"hunter2\"", "password = \"*******\""),
            ("pasword = hunter2", "pasword = *******"),
            ("password = 'hun\"ter2", "password = '********"),
            ("password = { comand = \"x\\\"y\" }", "password = { comand = \"****\" }"),
            ("receive = \"imaps://me:s3@h\"", "receive = \"imaps://me:**@h\""),
            ("receive = \"imaps://me@h:993\"", "receive = \"imaps://me@h:993\""),
            ("folders = [\"a\"]\t# x", "folders = [\"a\"] # x"),
        ] {
            assert_eq!(excerpt(line, 0, line, line.starts_with("pasword")), shown, "{line}");
        }
    }

    #[test]
    fn a_line_inside_a_long_string_is_hidden_whole() {
        let text = "x = \"\"\"\nhunter2\n";
        assert_eq!(excerpt(text, 8, "hunter2", false), "*******");
    }

    #[test]
    fn the_caret_stands_under_the_place_in_characters() {
        let text = "ä = 1\nöö = 3\n";
        let error = report(Path::new("c"), text, vec![Problem::new(text.find('3').unwrap_or(0)..text.len() - 1, "wrong")]);
        assert_eq!(error.failed, "c:2:6: wrong\n2 | öö = 3\n  |      ^");
    }
}
