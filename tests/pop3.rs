//! `mailx` against Dovecot's real pop3d: the same guarantees as over any other protocol, on a server that knows one folder and no flags.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "tests print what they skip, and repeat for clarity")]

#[path = "pop3/after_fetch.rs"]
mod after_fetch;
#[path = "pop3/direct.rs"]
mod direct;
#[path = "pop3/fetch.rs"]
mod fetch;
#[path = "pop3/hiding.rs"]
mod hiding;
#[path = "pop3/hostile.rs"]
mod hostile;
#[path = "pop3/ids.rs"]
mod ids;
#[path = "pop3/kill.rs"]
mod kill;
#[path = "pop3/limits.rs"]
mod limits;
#[path = "pop3/login.rs"]
mod login;
#[path = "pop3/peer.rs"]
mod peer;
#[path = "pop3/reused.rs"]
mod reused;
#[path = "pop3/short.rs"]
mod short;
#[path = "support/mod.rs"]
mod support;
#[path = "pop3/switch.rs"]
mod switch;
#[path = "pop3/sync.rs"]
mod sync;

use support::{World, dovecot};

/// A user with a POP3 account and a Maildir that does not exist yet; `None`, said loudly, without Dovecot.
fn world(prefix: &str) -> Option<World> {
    let world = World::new(dovecot()?, prefix);
    configure(&world, "");
    Some(world)
}

/// The account, with more lines.
fn configure(w: &World, more: &str) {
    configure_as(w, &w.user, more);
}

fn configure_as(w: &World, user: &str, more: &str) {
    let receive = if more.contains("receive =") { String::new() } else { format!("receive = \"{}\"\n", url(w, "pop3s", user)) };
    w.configure(&format!("{receive}{more}"));
}

fn url(w: &World, scheme: &str, user: &str) -> String {
    let port = w.server.get(if scheme == "pop3s" { "POP3S_PORT" } else { "POP3_PORT" });
    format!("{scheme}://{user}@{}:{port}", w.server.get("HOST"))
}

/// Identities of what the server has in the INBOX.
fn there(w: &World) -> Vec<String> {
    let mut all: Vec<String> = w.server.list(&w.user).remove("INBOX").unwrap_or_default().into_iter().map(|l| l.identity).collect();
    all.sort();
    all
}

/// Identities of what is here.
fn here(w: &World) -> Vec<String> {
    let mut all: Vec<String> = w.mail().into_iter().map(|m| m.identity).collect();
    all.sort();
    all
}
