//! Low: what was typed, as typed values with their places. Nothing is merged and nothing is filled in here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, line_of};
use super::values::{self, Parsed};
use super::{Auth, Environment, Expunge, Layout, RemoteWipe, Route, SaveSent, SecretSource, Tls, table};
use crate::model::AfterFetch;

/// Keys of an account, and so of `[defaults]`.
const ACCOUNT_KEYS: [&str; 22] = [
    "address",
    "receive",
    "send",
    "maildir",
    "layout",
    "folders",
    "idle",
    "after-fetch",
    "expunge",
    "keep-deleted",
    "mirror-deletions",
    "remote-wipe",
    "auth",
    "sasl",
    "password",
    "tls",
    "proxy",
    "tunnel",
    "connections",
    "save-sent",
    "identities",
    "exec",
];

pub(super) type Node<'t> = Spanned<DeValue<'t>>;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// Where mail goes, unresolved.
#[derive(Debug, Clone)]
pub(super) enum Sending {
    Url(String),
    Command(super::Argv),
}

/// One account, or the defaults of all.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// Where the account's name stands.
    pub span: Range<usize>,
    /// `receive` or `send` stands there, right or wrong.
    pub has_remote: bool,
    pub address: Option<At<String>>,
    pub receive: Option<At<String>>,
    pub send: Option<At<Sending>>,
    pub maildir: Option<At<PathBuf>>,
    pub layout: Option<At<Layout>>,
    pub folders: Option<At<Vec<String>>>,
    pub idle: Option<At<Vec<String>>>,
    pub after_fetch: Option<At<AfterFetch>>,
    pub expunge: Option<At<Expunge>>,
    pub keep_deleted: Option<At<Duration>>,
    pub mirror_deletions: Option<At<bool>>,
    pub remote_wipe: Option<At<RemoteWipe>>,
    pub auth: Option<At<Auth>>,
    pub sasl: Option<At<Option<String>>>,
    pub password: Option<At<SecretSource>>,
    pub tls: Option<At<Tls>>,
    pub route: Option<At<Route>>,
    pub connections: Option<At<u16>>,
    pub save_sent: Option<At<SaveSent>>,
    pub identities: Option<At<Vec<String>>>,
    pub exec: Option<At<String>>,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub defaults: Draft,
    /// In the order of the file.
    pub accounts: Vec<(String, Draft)>,
    pub aliases: BTreeMap<String, String>,
    pub problems: Vec<Problem>,
    /// The file is not TOML: what belongs together cannot be judged.
    pub broken: bool,
    /// A password stands in it.
    pub has_secret: bool,
}

/// Reads the whole file and collects every problem.
pub(super) fn read(text: &str, environment: &Environment) -> Drafts {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut cx = Cx { environment, problems: Vec::new(), has_secret: false };
    let mut drafts = Drafts { broken: !errors.is_empty(), ..Drafts::default() };
    for (key, value) in in_order(document.get_ref()) {
        match key.get_ref().as_ref() {
            "defaults" => drafts.defaults = cx.table(value).map(|table| cx.account(table, key.span())).unwrap_or_default(),
            "accounts" => drafts.accounts = cx.accounts(value),
            "aliases" => drafts.aliases = cx.aliases(value),
            other => cx.problems.push(unknown_on_top(key.span(), other)),
        }
    }
    drafts.problems = cx.problems;
    drafts.has_secret = cx.has_secret;
    // The parser goes on after an error with an invented value: what is then wrong with that value is not the user's.
    let broken: Vec<usize> = errors.iter().map(|error| line_of(text, error.span().map_or(0, |span| span.start))).collect();
    drafts.problems.retain(|problem| !broken.contains(&line_of(text, problem.span.start)));
    drafts.problems.extend(errors.iter().map(|error| Problem::new(error.span().unwrap_or(0..0), error.message()).hidden()));
    drafts
}

fn unknown_on_top(span: Range<usize>, key: &str) -> Problem {
    if ACCOUNT_KEYS.contains(&key) {
        return Problem::new(span, format!("`{key}` belongs into [accounts.NAME] or [defaults]"));
    }
    Problem::unknown_key(span, key, &["defaults", "accounts", "aliases"])
}

fn in_order<'a, 't>(table: &'a DeTable<'t>) -> Vec<(&'a Spanned<std::borrow::Cow<'t, str>>, &'a Node<'t>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What reading a value needs, and where its problems go.
pub(super) struct Cx<'e> {
    pub environment: &'e Environment,
    pub problems: Vec<Problem>,
    pub has_secret: bool,
}

impl Cx<'_> {
    fn accounts(&mut self, value: &Node<'_>) -> Vec<(String, Draft)> {
        let Some(table) = self.table(value) else { return Vec::new() };
        let mut accounts = Vec::new();
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            if let Err(what) = values::account_name(name) {
                self.problems.push(Problem::new(key.span(), what));
            }
            if let Some(table) = value.get_ref().as_table() {
                accounts.push((name.to_owned(), self.account(table, key.span())));
            } else if ACCOUNT_KEYS.contains(&name) {
                self.problems.push(Problem::new(key.span(), format!("`{name}` belongs into [accounts.NAME], with a name of yours")));
            } else {
                self.problems.push(Problem::new(value.span(), format!("an account is a table, found {}", value.get_ref().type_str())));
            }
        }
        accounts
    }

    fn aliases(&mut self, value: &Node<'_>) -> BTreeMap<String, String> {
        let Some(table) = self.table(value) else { return BTreeMap::new() };
        let mut aliases = BTreeMap::new();
        for (key, value) in in_order(table) {
            if let Some(at) = self.text(value, |text| printable(text, "an alias")) {
                aliases.insert(key.get_ref().to_string(), at.value);
            }
        }
        aliases
    }

    fn account(&mut self, entries: &DeTable<'_>, span: Range<usize>) -> Draft {
        let mut draft = Draft { span, ..Draft::default() };
        for (key, value) in in_order(entries) {
            draft.has_remote |= matches!(key.get_ref().as_ref(), "receive" | "send");
            match key.get_ref().as_ref() {
                "address" => draft.address = self.text(value, values::address),
                "receive" => draft.receive = self.text(value, |text| Ok(text.to_owned())),
                "send" => draft.send = table::send(self, value),
                "maildir" => draft.maildir = self.path(value),
                "layout" => draft.layout = self.word(value, &[("fs", Layout::Fs), ("maildir++", Layout::MaildirPlusPlus)]),
                "folders" => draft.folders = self.list(value, |text| printable(text, "a pattern")),
                "idle" => draft.idle = self.idle(value),
                "after-fetch" => draft.after_fetch = table::after_fetch(self, value),
                "expunge" => {
                    let words = [("trash", Expunge::Trash), ("now", Expunge::Now), ("never", Expunge::Never)];
                    draft.expunge = self.word(value, &words);
                }
                "keep-deleted" => draft.keep_deleted = self.text(value, values::duration),
                "mirror-deletions" => draft.mirror_deletions = self.truth(value),
                "remote-wipe" => draft.remote_wipe = self.word(value, &[("obey", RemoteWipe::Obey), ("refuse", RemoteWipe::Refuse)]),
                "auth" => draft.auth = self.word(value, &[("password", Auth::Password), ("oauth2", Auth::OAuth2)]),
                "sasl" => draft.sasl = self.text(value, values::mechanism),
                "password" => draft.password = table::password(self, value),
                "tls" => draft.tls = table::tls(self, value),
                key_name @ ("proxy" | "tunnel") => {
                    let route = if key_name == "proxy" { table::proxy(self, value) } else { table::tunnel(self, value) };
                    if draft.route.is_some() {
                        self.problems.push(Problem::new(key.span(), "`proxy` and `tunnel` exclude each other"));
                    }
                    draft.route = route.or(draft.route);
                }
                "connections" => draft.connections = self.count(value, 1..=32),
                "save-sent" => {
                    let words = [("auto", SaveSent::Auto), ("yes", SaveSent::Yes), ("no", SaveSent::No)];
                    draft.save_sent = self.word(value, &words);
                }
                "identities" => draft.identities = self.list(value, values::address),
                "exec" => draft.exec = self.text(value, |text| filled(text, "the command")),
                other => self.problems.push(Problem::unknown_key(key.span(), other, &ACCOUNT_KEYS)),
            }
        }
        draft
    }

    /// Patterns, at least one: none at all would be every folder, as it is for `folders`, and nobody means that here.
    fn idle(&mut self, value: &Node<'_>) -> Option<At<Vec<String>>> {
        let patterns = self.list(value, |text| printable(text, "a pattern"))?;
        if patterns.value.is_empty() {
            self.problems.push(Problem::new(patterns.span, "name at least one folder, as in [\"INBOX\"]"));
            return None;
        }
        Some(patterns)
    }

    pub fn wrong_type<T>(&mut self, value: &Node<'_>, expected: &str) -> Option<T> {
        self.problems.push(Problem::new(value.span(), format!("expected {expected}, found {}", value.get_ref().type_str())));
        None
    }

    pub fn table<'a, 't>(&mut self, value: &'a Node<'t>) -> Option<&'a DeTable<'t>> {
        let table = value.get_ref().as_table();
        table.or_else(|| self.wrong_type(value, "a table"))
    }

    pub fn parsed<T>(&mut self, span: Range<usize>, parsed: Parsed<T>) -> Option<At<T>> {
        match parsed {
            Ok(value) => Some(At { value, span }),
            Err(what) => {
                self.problems.push(Problem::new(span, what));
                None
            }
        }
    }

    pub fn text<T>(&mut self, value: &Node<'_>, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<At<T>> {
        match value.get_ref().as_str() {
            Some(text) => self.parsed(value.span(), parse(text)),
            None => self.wrong_type(value, "a string"),
        }
    }

    pub fn word<T: Copy>(&mut self, value: &Node<'_>, words: &[(&str, T)]) -> Option<At<T>> {
        self.text(value, |text| values::word(text, words))
    }

    pub fn list<T>(&mut self, value: &Node<'_>, parse: impl Fn(&str) -> Parsed<T>) -> Option<At<Vec<T>>> {
        let Some(items) = value.get_ref().as_array() else { return self.wrong_type(value, "a list of strings") };
        let values: Vec<Option<At<T>>> = items.iter().map(|item| self.text(item, &parse)).collect();
        let values: Option<Vec<T>> = values.into_iter().map(|at| at.map(|at| at.value)).collect();
        values.map(|value_list| At { value: value_list, span: value.span() })
    }

    pub fn truth(&mut self, value: &Node<'_>) -> Option<At<bool>> {
        match value.get_ref().as_bool() {
            Some(truth) => Some(At { value: truth, span: value.span() }),
            None => self.wrong_type(value, "true or false"),
        }
    }

    fn count(&mut self, value: &Node<'_>, range: std::ops::RangeInclusive<u16>) -> Option<At<u16>> {
        let Some(number) = value.get_ref().as_integer() else { return self.wrong_type(value, "a number") };
        let number = u16::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number));
        let number = number.ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()));
        self.parsed(value.span(), number)
    }

    /// Absolute, or below `~`: a configuration is read from cron and from anywhere, so a relative path would mean another place
    /// each time.
    pub fn path(&mut self, value: &Node<'_>) -> Option<At<PathBuf>> {
        let environment = self.environment;
        self.text(value, |text| {
            let path = environment.expand(&printable(text, "a path")?)?;
            if path.is_absolute() {
                return Ok(path);
            }
            let hint = if text.starts_with('$') { " (variables are not expanded)" } else { "" };
            Err(format!("a path starts with `/` or `~/`{hint}"))
        })
    }
}

pub(super) fn filled(text: &str, what: &str) -> Parsed<String> {
    if text.trim().is_empty() || text.contains('\0') { Err(format!("{what} is empty")) } else { Ok(text.to_owned()) }
}

fn printable(text: &str, what: &str) -> Parsed<String> {
    if text.chars().any(char::is_control) { Err(format!("{what} has no control characters")) } else { filled(text, what) }
}
