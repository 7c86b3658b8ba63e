//! The way by which an account's mail goes out.

use std::sync::Arc;

use crate::app::account;
use crate::backend::Submission;
use crate::backend::eas::EasSubmission;
use crate::backend::smtp::SmtpSubmission;
use crate::backend::smtp::program::Program;
use crate::config::{Account, Argv, Outgoing, Route as Configured, SaveSent};
use crate::model::{Class, Error, Result};
use crate::net::{Endpoint, Route, Security, TlsConnector};

/// Where mail goes, of an account that sends.
pub(super) fn submission(account: &Account) -> Result<Arc<dyn Submission>> {
    if account.sends_itself() {
        let save = account.save_sent != SaveSent::No;
        return Ok(Arc::new(EasSubmission { backend: account::active_sync(account)?, save }));
    }
    let Some(send) = &account.send else { return Err(cannot(account)) };
    let server = |host: &str, port, starttls, user: Option<&String>, lmtp| -> Result<Arc<dyn Submission>> {
        let security = match (account.tls.clear, starttls) {
            (true, _) => Security::Clear,
            (false, true) => Security::StartTls,
            (false, false) => Security::Tls,
        };
        let tunnelled = matches!(account.route, Configured::Tunnel(_)) && account.receive.is_some();
        // A tunnel leads to the server that mail comes from.
        let route = if tunnelled { Route::Direct } else { account::route(account)? };
        smtp(account, Endpoint { host: host.to_owned(), port, security, route }, user, lmtp)
    };
    match send {
        Outgoing::Smtp { starttls, user, host, port } => server(host, *port, *starttls, user.as_ref(), false),
        Outgoing::Lmtp { host, port } => server(host, *port, true, None, true),
        Outgoing::Socket { path, lmtp } => {
            let endpoint = Endpoint { host: "localhost".into(), port: 0, security: Security::Clear, route: Route::Socket(path.clone()) };
            smtp(account, endpoint, None, *lmtp)
        }
        Outgoing::Command(argv) => {
            let argv = match argv {
                // The arguments come behind what the line says.
                Argv::Shell(line) => ["/bin/sh", "-c", &format!("{line} \"$@\""), "sh"].map(str::to_owned).to_vec(),
                Argv::Exec(argv) => argv.clone(),
            };
            let name = match send {
                Outgoing::Command(Argv::Shell(line)) => line.split_whitespace().next().unwrap_or_default().to_owned(),
                _ => argv.first().cloned().unwrap_or_default(),
            };
            Ok(Arc::new(Program { name, argv }))
        }
    }
}

/// What people call it.
pub(super) fn name(account: &Account) -> String {
    match (&account.send, &account.receive) {
        (Some(Outgoing::Smtp { host, .. } | Outgoing::Lmtp { host, .. }), _) => host.clone(),
        (Some(Outgoing::Socket { path, .. }), _) => path.display().to_string(),
        (Some(Outgoing::Command(Argv::Shell(line))), _) => format!("the command {line}"),
        (Some(Outgoing::Command(Argv::Exec(argv))), _) => format!("the command {}", argv.join(" ")),
        (None, receive) => receive.as_ref().map_or_else(String::new, |receive| receive.host.clone()),
    }
}

fn smtp(account: &Account, endpoint: Endpoint, user: Option<&String>, lmtp: bool) -> Result<Arc<dyn Submission>> {
    Ok(Arc::new(SmtpSubmission {
        account: account.name.clone(),
        endpoint,
        tls: TlsConnector::new(account::tls(account)),
        user: user.cloned(),
        sasl: account::mechanism(account)?,
        lmtp,
        host: host(),
    }))
}

/// An account that only receives.
pub(super) fn cannot(account: &Account) -> Box<Error> {
    let failed = format!("the account {} has no `send`: it only receives", account.name);
    Error::new(Class::Config, "choose how to send", failed).hint("add `send = \"smtps://user@smtp.example.org\"`")
}

/// The name of this machine as servers want to hear it (RFC 5321 §4.1.1.1): a domain, or an address literal where it has none.
fn host() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if name.contains('.') && name.split('.').all(label) { name } else { "[127.0.0.1]".into() }
}
