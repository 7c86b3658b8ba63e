//! `mailx account show`: settings without secrets, and what the protocol can do.

use std::fmt::Write as _;

use serde::Serialize;

use super::account::{receive_url, sends_by};
use crate::app::config::{Account, Auth, Expunge, Layout, RemoteWipe, Roots, Route, SaveSent, SecretSource, Tls};
use crate::app::{self, Globals};
use crate::cli::exit::Exit;
use crate::cli::ui::sanitize::display;
use crate::cli::ui::{Ui, json, words};
use crate::model::caps::{Append, Changes, Folders, Identity, Keywords, Moves, Push};
use crate::model::message::Hash;
use crate::model::{AfterFetch, Caps, Flags, Protocol, Result};

/// A setting or an ability: what, and how.
type Row = (&'static str, String);

#[derive(Serialize)]
struct ShowJson<'a> {
    name: &'a str,
    settings: serde_json::Map<String, serde_json::Value>,
    can: Option<serde_json::Map<String, serde_json::Value>>,
    cannot: Vec<GapJson>,
}

#[derive(Serialize)]
struct GapJson {
    word: &'static str,
    text: &'static str,
}

/// Shows one account.
pub fn run(name: &str, globals: &Globals, ui: &Ui) -> Result<Exit> {
    let config = app::account::load(globals)?;
    let account = config.account(name)?;
    let (settings, caps) = (settings(account), app::account::ceiling(account));
    if ui.json {
        let map = |rows: Vec<Row>| rows.into_iter().map(|(what, how)| (what.to_owned(), how.into())).collect();
        let gaps = caps.iter().flat_map(Caps::gaps).map(|gap| GapJson { word: gap.word, text: gap.text });
        let (can, cannot) = (caps.as_ref().map(|caps| map(abilities(caps))), gaps.collect());
        ui.out(&json::line(&ShowJson { name, settings: map(settings), can, cannot })?)?;
        return Ok(Exit::OK);
    }
    let mut text = format!("{}\n", ui.paint.bold(&display(name)));
    list(&mut text, &settings);
    match caps {
        Some(caps) => {
            let _ = writeln!(text, "\n{}", ui.paint.bold("What its protocol can do at best"));
            list(&mut text, &abilities(&caps));
            for gap in caps.gaps() {
                let _ = writeln!(text, "  {} {}: {}", ui.paint.yellow("not:"), gap.word, gap.text);
            }
        }
        None if account.receive.is_some() => text += "\nThis mailx cannot speak its protocol yet.\n",
        None => {}
    }
    ui.out(&text)?;
    Ok(Exit::OK)
}

fn list(text: &mut String, rows: &[Row]) {
    let width = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or_default();
    for (what, how) in rows {
        let _ = writeln!(text, "  {what:width$}  {}", display(how));
    }
}

/// The settings in the words of the configuration file.
fn settings(account: &Account) -> Vec<Row> {
    let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |what, how: Option<String>| rows.extend(how.map(|how| (what, how)));
    row("address", account.address.clone());
    row("receive", account.receive.as_ref().map(|remote| receive_url(remote, &account.tls)));
    row("send", sends_by(account));
    row("maildir", Some(account.maildir.display().to_string()));
    row("layout", Some(if account.layout == Layout::Fs { "fs" } else { "maildir++" }.into()));
    row("folders", Some(account.folders.join(", ")));
    let tells_of_one = account.receive.as_ref().is_some_and(|remote| remote.protocol == Protocol::Imap);
    row("idle", tells_of_one.then(|| account.idle.join(", ")));
    row("after-fetch", Some(after_fetch(account.after_fetch)));
    let expunge = match account.expunge {
        Expunge::Trash => "trash",
        Expunge::Now => "now",
        Expunge::Never => "never",
    };
    row("expunge", Some(expunge.into()));
    row("keep-deleted", Some(words::time(account.keep_deleted)));
    row("mirror-deletions", account.mirror_deletions.then(|| yes(true)));
    let wipe = |wipe| if wipe == RemoteWipe::Obey { "obey" } else { "refuse" }.to_owned();
    row("remote-wipe", account.remote_wipe.map(wipe));
    row("auth", Some(if account.auth == Auth::Password { "password" } else { "oauth2" }.into()));
    row("sasl", Some(account.sasl.clone().unwrap_or_else(|| "auto".into())));
    row("password", Some(secret_place(&account.password)));
    row("tls", Some(tls(&account.tls)));
    row("route", route(&account.route));
    row("connections", Some(account.connections.to_string()));
    let save = match account.save_sent {
        SaveSent::Auto => "auto",
        SaveSent::Yes => "yes",
        SaveSent::No => "no",
    };
    row("save-sent", Some(save.into()));
    row("identities", (!account.identities.is_empty()).then(|| account.identities.join(", ")));
    row("exec", account.exec.clone());
    rows
}

fn after_fetch(then: AfterFetch) -> String {
    match then {
        AfterFetch::Keep => "keep".into(),
        AfterFetch::Delete => "delete".into(),
        AfterFetch::DeleteAfter(time) => format!("delete after {}", words::time(time)),
    }
}

/// Where the secret is. A command line may hold one, so it is not shown.
fn secret_place(source: &SecretSource) -> String {
    match source {
        SecretSource::Keyring => "in the system's keyring".into(),
        SecretSource::Command(_) => "from a command".into(),
        SecretSource::File(path) => format!("in {}", path.display()),
        SecretSource::Env(name) => format!("in ${name}"),
        SecretSource::Credential(name) => format!("in the systemd credential {name}"),
        SecretSource::Inline(_) => "in the configuration itself".into(),
        SecretSource::Ask => "asked for".into(),
    }
}

fn tls(tls: &Tls) -> String {
    if tls.clear {
        return "none: clear text".into();
    }
    let roots = match tls.roots {
        Roots::Webpki => "webpki",
        Roots::System => "system",
        Roots::Both => "both",
    };
    let mut text = format!("roots {roots}");
    for (word, path) in [("ca", &tls.ca), ("cert", &tls.cert), ("key", &tls.key)] {
        if let Some(path) = path {
            let _ = write!(text, ", {word} {}", path.display());
        }
    }
    if let Some(pin) = &tls.pin {
        let _ = write!(text, ", pin sha256:{}", Hash(*pin));
    }
    text
}

fn route(route: &Route) -> Option<String> {
    match route {
        Route::Direct => None,
        // A proxy's URL may carry a password.
        Route::Proxy(url) => Some(match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("proxy {scheme}://…@{host}"),
            _ => format!("proxy {url}"),
        }),
        Route::Tunnel(argv) => Some(format!("tunnel {}", argv.join(" "))),
    }
}

/// The rows of the matrix (design: "One behaviour over three protocols"), from what the protocol declares.
fn abilities(caps: &Caps) -> Vec<Row> {
    let folders = match caps.folders {
        Folders::InboxOnly => "INBOX only",
        Folders::ReadOnly => "all, from there to here",
        Folders::Tree => "all, both ways",
    };
    let identity = match caps.identity {
        Identity::Permanent => "by permanent ids",
        Identity::PerEpoch => "by the server's ids; matched again by content when it renumbers",
        Identity::ByContent => "by content",
    };
    let changes = match caps.changes {
        Changes::Delta => "asks for what changed",
        Changes::Whole => "compares the whole listing",
    };
    let append = match caps.append {
        Append::No => "no: kept here",
        Append::DraftsOnly => "drafts only",
        Append::Yes { .. } => "yes",
    };
    let delete = match (caps.delete.trash, caps.delete.now) {
        (true, true) => "to the trash, or for good",
        (true, false) => "to the trash",
        (false, true) => "for good",
        (false, false) => "no: kept there",
    };
    let moves = match caps.moves {
        Moves::No => "no: kept here",
        Moves::CopyThenDelete => "by copy and deletion",
        Moves::Native { .. } => "in one step",
    };
    let push = match caps.push {
        Push::Poll { at_least } => format!("no: polled, every {at_least} s at most"),
        Push::OneFolder => "one folder a connection".into(),
        Push::Folders { most: std::num::NonZeroU16::MAX } => "all folders at once".into(),
        Push::Folders { most } => format!("up to {} at once", words::of(u64::from(most.get()), "folder")),
    };
    let keywords = match caps.flags.keywords {
        Keywords::No => "none",
        Keywords::Listed => "those that the server lists",
        Keywords::Any => "any",
    };
    vec![
        ("new mail → Maildir", "yes".into()),
        ("never the same message twice", identity.into()),
        ("finding changes", changes.into()),
        ("folders", folders.into()),
        ("flags server → here", flags(caps.flags.pull)),
        ("flags here → server", flags(caps.flags.push)),
        ("keywords", keywords.into()),
        ("deletion here → server", delete.into()),
        ("new file here → server", append.into()),
        ("move here → server", moves.into()),
        ("push", push),
        ("send", if caps.submit { "by the account itself" } else { "over a sending server" }.into()),
    ]
}

fn flags(flags: Flags) -> String {
    match flags.bits() {
        0 => "none".into(),
        63 => "all".into(),
        _ => crate::model::Flag::ALL.iter().filter(|flag| flags.has(flag.0)).map(|flag| flag.2).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::config::Argv;

    #[test]
    fn no_secret_is_shown() {
        assert_eq!(secret_place(&SecretSource::Command(Argv::Shell("echo hunter2".into()))), "from a command");
        assert_eq!(route(&Route::Proxy("socks5://me:hunter2@p:1".into())).unwrap(), "proxy socks5://…@p:1");
        assert_eq!(route(&Route::Proxy("http://p:1".into())).unwrap(), "proxy http://p:1");
    }

    #[test]
    fn the_matrix_says_what_caps_say() {
        let one = std::num::NonZeroU16::MIN;
        let caps = Caps {
            sessions: one,
            folders: Folders::InboxOnly,
            identity: Identity::ByContent,
            changes: Changes::Whole,
            flags: crate::model::caps::FlagSupport { pull: Flags::NONE, push: Flags::from_bits(24), keywords: Keywords::No },
            append: Append::No,
            delete: crate::model::caps::Deletes { trash: false, now: true, may_keep: false },
            moves: Moves::No,
            push: Push::Folders { most: one },
            submit: false,
            admin: false,
        };
        let rows = abilities(&caps);
        let how = |what| rows.iter().find(|row| row.0 == what).unwrap().1.as_str();
        assert_eq!((how("folders"), how("flags server → here"), how("deletion here → server")), ("INBOX only", "none", "for good"));
        assert_eq!((how("flags here → server"), how("push")), ("\\Answered, \\Seen", "up to 1 folder at once"));
    }
}
