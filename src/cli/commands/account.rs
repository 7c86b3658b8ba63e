//! `mailx account list`, and servers as URLs.

use serde::Serialize;

use crate::app::config::{Account, Argv, Outgoing, Remote, Tls};
use crate::app::{self, Globals};
use crate::cli::exit::Exit;
use crate::cli::ui::json::{self, Summary};
use crate::cli::ui::{Ui, table};
use crate::model::Result;

#[derive(Serialize)]
struct AccountJson<'a> {
    name: &'a str,
    address: Option<&'a str>,
    receive: Option<String>,
    send: Option<String>,
    maildir: String,
}

/// Lists the accounts.
pub fn list(globals: &Globals, ui: &Ui) -> Result<Exit> {
    let config = app::account::load(globals)?;
    if ui.json {
        let accounts = config.accounts.iter().map(|account| AccountJson {
            name: &account.name,
            address: account.address.as_deref(),
            receive: account.receive.as_ref().map(|remote| receive_url(remote, &account.tls)),
            send: sends_by(account),
            maildir: account.maildir.display().to_string(),
        });
        ui.out(&json::line(&Summary { accounts: accounts.collect(), error: None })?)?;
    } else if !config.accounts.is_empty() {
        let columns = [("ACCOUNT", false), ("RECEIVE", false), ("SEND", false), ("MAILDIR", false)];
        let rows: Vec<Vec<String>> = config.accounts.iter().map(row).collect();
        ui.out(&table::render(&columns, &rows))?;
    }
    Ok(Exit::OK)
}

fn row(account: &Account) -> Vec<String> {
    let receive = account.receive.as_ref().map(|remote| receive_url(remote, &account.tls));
    let send = sends_by(account);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    vec![account.name.clone(), or_none(receive), or_none(send), account.maildir.display().to_string()]
}

/// The URL of a receiving server, as the configuration would spell it.
pub fn receive_url(remote: &Remote, tls: &Tls) -> String {
    // The schemes that end in `s` say so: implicit TLS (§2). A protocol that always runs over HTTPS has no other.
    let scheme = match (remote.protocol.to_string(), remote.starttls || tls.clear) {
        (word, false) if word != "eas" => word + "s",
        (word, _) => word,
    };
    let path = remote.path.as_deref().map(|path| format!("/{}", path.trim_start_matches('/'))).unwrap_or_default();
    format!("{scheme}://{}@{}:{}{path}", percent(&remote.user), host(&remote.host), remote.port)
}

/// How mail goes out, in words; `None` where it does not.
pub fn sends_by(account: &Account) -> Option<String> {
    let own = || account.receive.as_ref().filter(|_| account.sends_itself()).map(|remote| receive_url(remote, &account.tls));
    account.send.as_ref().map(|send| send_words(send, &account.tls)).or_else(own)
}

/// Where mail goes, in words.
fn send_words(send: &Outgoing, tls: &Tls) -> String {
    match send {
        Outgoing::Smtp { starttls, user, host: name, port } => {
            let user = user.as_deref().map(|user| percent(user) + "@").unwrap_or_default();
            format!("smtp{}://{user}{}:{port}", if *starttls || tls.clear { "" } else { "s" }, host(name))
        }
        Outgoing::Lmtp { host: name, port } => format!("lmtp://{}:{port}", host(name)),
        Outgoing::Socket { path, lmtp } => format!("{}://{}", if *lmtp { "lmtp" } else { "smtp" }, path.display()),
        Outgoing::Command(Argv::Shell(line)) => format!("command: {line}"),
        Outgoing::Command(Argv::Exec(argv)) => format!("command: {}", argv.join(" ")),
    }
}

fn host(name: &str) -> String {
    if name.contains(':') && !name.starts_with('[') { format!("[{name}]") } else { name.to_owned() }
}

/// A user name within a URL.
fn percent(user: &str) -> String {
    let plain = |c: &char| !matches!(c, '@' | ':' | '/' | '%' | '?' | '#' | ' ');
    user.chars().map(|c| if plain(&c) { c.to_string() } else { format!("%{:02X}", u32::from(c)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    fn url(protocol: Protocol, starttls: bool, host: &str, path: Option<&str>) -> String {
        let remote = Remote { protocol, starttls, user: "me@x".into(), host: host.into(), port: 7, path: path.map(Into::into) };
        receive_url(&remote, &Tls::default())
    }

    #[test]
    fn urls_read_as_the_configuration_spells_them() {
        assert_eq!(url(Protocol::Imap, false, "h", Some("a/b")), "imaps://me%40x@h:7/a/b");
        assert_eq!(url(Protocol::Pop3, true, "::1", None), "pop3://me%40x@[::1]:7");
        assert_eq!(url(Protocol::ActiveSync, false, "h", Some("/p")), "eas://me%40x@h:7/p");
    }
}
