//! Configuration and secrets of the accounts of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::run::layout;
use super::{Globals, Prompt, Target, memory, off_thread};
use crate::backend::eas::{self, EasBackend};
use crate::backend::imap::ImapBackend;
use crate::backend::memory::{Memory, Ram};
use crate::backend::patient::Patient;
use crate::backend::pop3::{self, Pop3Backend};
use crate::backend::{Backend, Ctx};
use crate::config::{self, Account, Auth, Config, Environment, SecretSource, UrlForm};
use crate::model::{Caps, Class, Credentials, Error, Observer, Protocol, Result, SecretKind, SecretString};
use crate::net::{Endpoint, Meter, Roots, Route, Security, TlsConnector, TlsSettings};
use crate::secret::{self, Ask, Secrets, Source};
use crate::store::root::control_path;
use crate::store::state::{Opener as _, SqliteOpener};
use crate::wire::sasl::Mechanism;

/// The configuration of the machine.
const SYSTEM_FILE: &str = "/etc/mailx/config.toml";

/// The way to log in that only POP3 has.
const APOP: &str = "APOP";

/// Reads the configuration. Without any file the result has no accounts, which only selecting one makes an error.
pub fn load(globals: &Globals) -> Result<Config> {
    Config::load(globals.config.as_deref(), &environment(globals)?)
}

/// The accounts that the command is about. The URL form reads no configuration.
pub fn select(globals: &Globals, target: &Target) -> Result<Vec<Account>> {
    match target {
        Target::Named(names) => Ok(load(globals)?.select(names)?.into_iter().cloned().collect()),
        Target::Url { url, root, password_command, ca, pin } => {
            let form = UrlForm {
                url: url.clone(),
                root: root.clone(),
                password_command: password_command.clone(),
                ca: ca.clone(),
                pin: pin.clone(),
            };
            Ok(vec![Account::from_url(&form, &environment(globals)?)?])
        }
    }
}

/// The secret of an account, found when first asked for.
pub fn secrets(globals: &Globals, account: &Account) -> Arc<dyn Credentials> {
    let kind = match account.auth {
        Auth::Password => SecretKind::Password,
        Auth::OAuth2 => SecretKind::Token,
    };
    Arc::new(Secrets::new(&account.name, source(&account.password), kind, asker(globals)))
}

/// The terminal of the run, if there is one.
pub(super) fn asker(globals: &Globals) -> Option<Arc<dyn Ask>> {
    globals.prompt.clone().map(|prompt| Arc::new(Asker(prompt)) as Arc<dyn Ask>)
}

struct Asker(Arc<dyn Prompt>);

impl Ask for Asker {
    fn secret(&self, question: &str) -> Option<SecretString> {
        self.0.secret(question)
    }

    fn confirm(&self, question: &str) -> bool {
        self.0.confirm(question)
    }
}

fn source(source: &SecretSource) -> Source {
    match source {
        SecretSource::Keyring => Source::Keyring,
        SecretSource::Command(argv) => Source::Command(match argv.clone() {
            config::Argv::Shell(line) => secret::Argv::Shell(line),
            config::Argv::Exec(argv) => secret::Argv::Exec(argv),
        }),
        SecretSource::File(path) => Source::File(path.clone()),
        SecretSource::Env(name) => Source::Env(name.clone()),
        SecretSource::Credential(name) => Source::Credential(name.clone()),
        SecretSource::Ask => Source::Ask,
        SecretSource::Inline(inline) => Source::Known(inline.0.clone()),
    }
}

fn environment(globals: &Globals) -> Result<Environment> {
    let dirs = directories::BaseDirs::new();
    let path = |of: fn(&directories::BaseDirs) -> &std::path::Path| dirs.as_ref().map(|dirs| of(dirs).to_owned());
    let working_dir = std::env::current_dir().map_err(|cause| {
        Error::new(Class::NotFound, "find the working directory", cause.to_string()).hint("it may have been removed: cd to another")
    })?;
    Ok(Environment {
        home: path(directories::BaseDirs::home_dir),
        config_dir: path(directories::BaseDirs::config_dir),
        data_dir: path(directories::BaseDirs::data_dir),
        working_dir,
        system_file: PathBuf::from(SYSTEM_FILE),
        uid: rustix::process::geteuid().as_raw(),
        allow_cleartext: globals.allow_cleartext,
    })
}

/// What the account's protocol can do at best; `None` when the protocol is not built in.
pub fn ceiling(account: &Account) -> Option<Caps> {
    backend(account).ok().map(|backend| backend.ceiling())
}

/// The backend of an account.
pub(super) fn backend(account: &Account) -> Result<Arc<dyn Backend>> {
    let Some(receive) = &account.receive else { return Err(only_sends(account)) };
    let security = match (account.tls.clear, receive.starttls) {
        (true, _) => Security::Clear,
        (false, true) => Security::StartTls,
        (false, false) => Security::Tls,
    };
    let (route, settings) = (route(account)?, tls(account));
    let apop = receive.protocol == Protocol::Pop3 && account.sasl.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(APOP));
    let sasl = if apop { None } else { mechanism(account)? };
    match receive.protocol {
        Protocol::Imap => Ok(Arc::new(ImapBackend {
            account: account.name.clone(),
            endpoint: Endpoint { host: receive.host.clone(), port: receive.port, security, route },
            tls: TlsConnector::new(settings),
            user: receive.user.clone(),
            sasl,
            connections: account.connections,
        })),
        Protocol::Pop3 => Ok(Arc::new(Pop3Backend {
            account: account.name.clone(),
            endpoint: Endpoint { host: receive.host.clone(), port: receive.port, security, route },
            tls: TlsConnector::new(settings),
            user: receive.user.clone(),
            sasl,
            apop,
            mirror_deletions: account.mirror_deletions,
            most_octets: pop3::MOST_OCTETS,
            pace: pop3::Pace::default(),
        })),
        Protocol::ActiveSync => Ok(Arc::new(active_sync(account)?)),
    }
}

/// The account on its server of ActiveSync.
pub(super) fn active_sync(account: &Account) -> Result<EasBackend> {
    let Some(receive) = &account.receive else { return Err(only_sends(account)) };
    Ok(EasBackend {
        account: account.name.clone(),
        endpoint: Endpoint { host: receive.host.clone(), port: receive.port, security: Security::Tls, route: route(account)? },
        path: receive.path.clone(),
        tls: TlsConnector::new(tls(account)),
        user: receive.user.clone(),
        device_seed: device_seed(account),
        pace: eas::Pace::default(),
    })
}

fn only_sends(account: &Account) -> Box<Error> {
    let tried = format!("use the account {}", account.name);
    Error::new(Class::Config, tried, "it has no `receive`: it only sends").hint("add `receive = \"imaps://…\"`")
}

/// What tells this installation of the account from all others, for an id that stays the same as long as it is not stored.
fn device_seed(account: &Account) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    [machine.trim(), &host, &account.maildir.to_string_lossy()].join("\n")
}

/// The way to its servers.
pub(super) fn route(account: &Account) -> Result<Route> {
    Ok(match &account.route {
        config::Route::Direct => Route::Direct,
        config::Route::Proxy(url) => Route::parse_proxy(url)?,
        config::Route::Tunnel(argv) => Route::Tunnel(argv.clone()),
    })
}

/// How its servers prove who they are.
pub(super) fn tls(account: &Account) -> TlsSettings {
    let roots = match account.tls.roots {
        config::Roots::Webpki => Roots::Webpki,
        config::Roots::System => Roots::System,
        config::Roots::Both => Roots::Both,
    };
    let tls = &account.tls;
    TlsSettings { ca: tls.ca.clone(), pin: tls.pin, cert: tls.cert.clone(), key: tls.key.clone(), roots }
}

/// The mechanism that its logins are forced to.
pub(super) fn mechanism(account: &Account) -> Result<Option<Mechanism>> {
    let Some(name) = &account.sasl else { return Ok(None) };
    Mechanism::parse(name).map(Some).ok_or_else(|| {
        let known: Vec<&str> = Mechanism::ALL.iter().map(|m| m.name()).collect();
        let failed = format!("`sasl = \"{name}\"` is no mechanism known here");
        Error::new(Class::Config, format!("use the account {}", account.name), failed).hint(format!("known are {}", known.join(", ")))
    })
}

/// The same, waiting for a mailbox that another session has as long as `--wait` says.
pub(super) fn patient_backend(globals: &Globals, account: &Account) -> Result<Arc<dyn Backend>> {
    // Without --wait not at all; --wait alone for ever.
    Ok(Arc::new(Patient::new(backend(account)?, globals.wait.unwrap_or(Some(Duration::ZERO)))))
}

/// What a backend gets from a run.
pub(super) fn ctx(globals: &Globals, account: &Account, observer: Arc<dyn Observer>, memory: Arc<dyn Memory>, rehearsal: bool) -> Ctx {
    Ctx {
        cancel: globals.cancel.child_token(),
        credentials: secrets(globals, account),
        observer,
        meter: Arc::new(Meter::default()),
        silence: globals.silence,
        disable: disabled(),
        memory,
        rehearsal,
    }
}

/// The same for a look from outside of a run: what the backend remembers is read from the state, and nothing is recorded; so it is a
/// rehearsal, which asks for nothing that a server tells once.
pub(super) async fn looking_ctx(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<Ctx> {
    let remembered = remembered(account).await?;
    Ok(ctx(globals, account, observer, Arc::new(Ram::new(remembered)), true))
}

/// The same for sending. What the account's own server tells meanwhile is not recorded: a run may be at the state; the next run is told it, too.
pub(super) async fn sending_ctx(globals: &Globals, account: &Account, observer: Arc<dyn Observer>) -> Result<Ctx> {
    let remembered = if account.sends_itself() { remembered(account).await? } else { None };
    Ok(ctx(globals, account, observer, Arc::new(Ram::new(remembered)), false))
}

/// What the backend of an account remembers.
pub(super) async fn remembered(account: &Account) -> Result<Option<String>> {
    let control = control_path(&account.maildir, layout(account.layout));
    off_thread("read the state", move || {
        let state = SqliteOpener.open_read_only(&control)?;
        state.map_or(Ok(None), |state| state.meta(memory::KEY))
    })
    .await
}

/// Tests make a server poorer by `MAILX_TEST_DISABLE`, a comma list of capabilities.
#[cfg(feature = "testing")]
fn disabled() -> Arc<[String]> {
    let list = std::env::var("MAILX_TEST_DISABLE").unwrap_or_default();
    list.split(',').filter(|n| !n.is_empty()).map(str::to_ascii_uppercase).collect()
}

#[cfg(not(feature = "testing"))]
fn disabled() -> Arc<[String]> {
    Arc::new([])
}
