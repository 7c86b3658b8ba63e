//! High: defaults merged in, what belongs together checked, everything filled in.

use std::num::NonZeroU16;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::draft::{Draft, Drafts, Sending};
use super::problem::Problem;
use super::{Account, Auth, Environment, Expunge, Layout, Outgoing, SaveSent, SecretSource, Tls, url};

/// How long what the server deleted is kept here, unless told otherwise.
pub(super) const KEEP_DELETED: Duration = Duration::from_hours(30 * 24);

/// Connections at most, unless told otherwise.
pub(super) const CONNECTIONS: NonZeroU16 = match NonZeroU16::new(4) {
    Some(connections) => connections,
    None => NonZeroU16::MIN,
};

/// Every account of the file that can be made; what is wrong is added to `problems`.
pub(super) fn accounts(drafts: &Drafts, environment: &Environment, problems: &mut Vec<Problem>) -> Vec<Account> {
    let mut accounts: Vec<(Account, Range<usize>)> = Vec::new();
    for (name, own) in &drafts.accounts {
        let draft = own.clone().over(&drafts.defaults);
        let place = draft.maildir.as_ref().map_or_else(|| own.span.clone(), |at| at.span.clone());
        if let Some(account) = account(name, own, draft, environment, problems) {
            accounts.push((account, place));
        }
    }
    disjoint(&accounts, problems);
    accounts.into_iter().map(|(account, _)| account).collect()
}

impl Draft {
    /// What is set here, else what `below` has. A key counts whole: an own `tls` replaces the one of the defaults, so that what
    /// holds can be read in one place.
    fn over(self, below: &Self) -> Self {
        macro_rules! merge {
            ($($key:ident),*) => { Self { span: self.span, has_remote: self.has_remote || below.has_remote, $($key: self.$key.or_else(|| below.$key.clone())),* } };
        }
        merge!(
            address,
            receive,
            send,
            maildir,
            layout,
            folders,
            idle,
            after_fetch,
            expunge,
            keep_deleted,
            mirror_deletions,
            remote_wipe,
            auth,
            sasl,
            password,
            tls,
            route,
            connections,
            save_sent,
            identities,
            exec
        )
    }
}

fn account(name: &str, own: &Draft, draft: Draft, environment: &Environment, problems: &mut Vec<Problem>) -> Option<Account> {
    let before = problems.len();
    let address = draft.address.map(|at| at.value);
    let mut places = Vec::new();

    let receive = draft.receive.as_ref().and_then(|at| match url::receive(&at.value, address.as_deref()) {
        Ok(remote) => {
            places.push((at.span.clone(), remote.host.clone(), remote.starttls, "receive"));
            Some(remote)
        }
        Err(what) => {
            problems.push(Problem::new(at.span.clone(), what));
            None
        }
    });
    let send = draft.send.as_ref().and_then(|at| match &at.value {
        Sending::Command(argv) => Some(Outgoing::Command(argv.clone())),
        Sending::Url(text) => match url::send(text, address.as_deref()) {
            Ok(outgoing) => {
                match &outgoing {
                    Outgoing::Smtp { host, starttls, .. } => places.push((at.span.clone(), host.clone(), *starttls, "send")),
                    Outgoing::Lmtp { host, .. } => places.push((at.span.clone(), host.clone(), true, "send")),
                    Outgoing::Socket { .. } | Outgoing::Command(_) => {}
                }
                Some(outgoing)
            }
            Err(what) => {
                problems.push(Problem::new(at.span.clone(), what));
                None
            }
        },
    });
    if !draft.has_remote {
        let hint = "receive = \"imaps://user@host\"";
        problems.push(Problem::new(own.span.clone(), format!("account `{name}` has neither `receive` nor `send`")).hint(hint));
    }

    if draft.tls.as_ref().is_some_and(|at| at.value.clear) {
        for (span, host, starttls, key) in places {
            clear_text(&span, &host, starttls, key, environment.allow_cleartext, problems);
        }
    }

    let folders = match (receive.as_ref().and_then(url::named_folder), own.folders.as_ref(), draft.folders) {
        (Some(_), Some(at), _) => {
            problems.push(Problem::new(at.span.clone(), "the URL names one folder already: `folders` and a path exclude each other"));
            Vec::new()
        }
        (Some(folder), None, _) => vec![folder],
        (None, _, Some(at)) => at.value,
        (None, _, None) => vec!["*".to_owned()],
    };

    let maildir = match draft.maildir {
        Some(at) => Some(at.value),
        None => default_root(environment, name).map_err(|what| problems.push(Problem::new(own.span.clone(), what))).ok(),
    }?;
    if maildir.parent().is_none() {
        problems.push(Problem::new(own.span.clone(), "the Maildir cannot be the root directory"));
    }

    (problems.len() == before).then(|| Account {
        name: name.to_owned(),
        address,
        receive,
        send,
        maildir,
        layout: draft.layout.map_or(Layout::Fs, |at| at.value),
        folders,
        idle: draft.idle.map_or_else(idle, |at| at.value),
        after_fetch: draft.after_fetch.map(|at| at.value).unwrap_or_default(),
        expunge: draft.expunge.map_or(Expunge::Trash, |at| at.value),
        keep_deleted: draft.keep_deleted.map_or(KEEP_DELETED, |at| at.value),
        mirror_deletions: draft.mirror_deletions.is_some_and(|at| at.value),
        remote_wipe: draft.remote_wipe.map(|at| at.value),
        auth: draft.auth.map_or(Auth::Password, |at| at.value),
        sasl: draft.sasl.and_then(|at| at.value),
        password: draft.password.map_or(SecretSource::Keyring, |at| at.value),
        tls: draft.tls.map_or_else(Tls::default, |at| at.value),
        route: draft.route.map(|at| at.value).unwrap_or_default(),
        connections: draft.connections.and_then(|at| NonZeroU16::new(at.value)).unwrap_or(CONNECTIONS),
        save_sent: draft.save_sent.map_or(SaveSent::Auto, |at| at.value),
        identities: draft.identities.map(|at| at.value).unwrap_or_default(),
        exec: draft.exec.map(|at| at.value),
    })
}

/// Folders that are listened to, unless told otherwise.
pub(super) fn idle() -> Vec<String> {
    vec!["INBOX".to_owned()]
}

/// Where an account lives that does not say so.
pub(super) fn default_root(environment: &Environment, name: &str) -> Result<PathBuf, String> {
    let data = environment.data_dir.as_ref().ok_or("no home directory is known: `maildir` must be given")?;
    Ok(data.join("mailx").join(name))
}

fn clear_text(span: &Range<usize>, host: &str, starttls: bool, key: &str, allowed: bool, problems: &mut Vec<Problem>) {
    if !starttls {
        let what = format!("`{key}` asks for TLS and `tls = {{ mode = \"none\" }}` forbids it");
        problems.push(Problem::new(span.clone(), what).hint("for clear text write imap://, pop3:// or smtp://"));
    } else if !allowed && !url::is_loopback(host) {
        let what = format!("`tls = {{ mode = \"none\" }}` would send password and mail in clear text to {host}, another machine");
        problems.push(Problem::new(span.clone(), what).hint("remove the mode, or say --allow-cleartext as well"));
    }
}

/// No two accounts may hold the same files: each would take the other's mail for its own and delete it on the server.
fn disjoint(accounts: &[(Account, Range<usize>)], problems: &mut Vec<Problem>) {
    let roots: Vec<PathBuf> = accounts.iter().map(|(account, _)| canonical(&account.maildir)).collect();
    for (index, (account, place)) in accounts.iter().enumerate() {
        for ((other, _), root) in accounts.iter().zip(&roots).take(index) {
            let Some(own) = roots.get(index) else { continue };
            let relation = if own == root {
                "is the same as"
            } else if own.starts_with(root) {
                "lies inside"
            } else if root.starts_with(own) {
                "contains"
            } else {
                continue;
            };
            let what = format!("the Maildir of `{}` ({}) {relation} that of `{}`", account.name, own.display(), other.name);
            problems.push(Problem::new(place.clone(), what).hint("every account needs a directory of its own"));
        }
    }
}

/// The path with links of all parents that exist resolved; what does not exist yet is appended as it will be.
fn canonical(path: &Path) -> PathBuf {
    for existing in path.ancestors() {
        let Ok(mut resolved) = std::fs::canonicalize(existing) else { continue };
        for component in path.strip_prefix(existing).unwrap_or(Path::new("")).components() {
            match component {
                Component::ParentDir => _ = resolved.pop(),
                Component::Normal(name) => resolved.push(name),
                _ => {}
            }
        }
        return resolved;
    }
    path.to_owned()
}
