//! What may be typed: every option in one place, with its help; man pages and completions are made from it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::values;
use crate::app::watch::WatchOptions;
use crate::app::{RunOptions, Target, Verb};
use crate::model::{Class, Error, Result};

/// Keeps a local Maildir and a mail account in step.
#[derive(Debug, Parser)]
#[command(name = "mailx", version, arg_required_else_help = true, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub shared: Shared,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "Without a configuration, name a server and a directory: mailx fetch imaps://me@imap.example.org ~/Mail/me";

/// Options of all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub struct Shared {
    /// Reads this configuration file instead of $MAILX_CONFIG, $XDG_CONFIG_HOME/mailx/config.toml or /etc/mailx/config.toml
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Prints the result as one JSON object on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Says nothing but failures
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Says more; twice: logs for a bug report
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_possible_values = true, help = WHEN_COLOUR)]
    pub color: When,
    /// When to show progress
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_possible_values = true, help = WHEN_PROGRESS)]
    pub progress: When,
    /// Gives a silent server so much time: seconds, or 2m
    #[arg(long, value_name = "SECS", global = true, default_value = "60", value_parser = values::some_duration)]
    pub timeout: Duration,
    /// Waits for a lock that another run holds, so long at most if a time is given
    #[arg(long, value_name = "SECS", global = true, num_args = 0..=1, require_equals = true, value_parser = values::duration)]
    pub wait: Option<Option<Duration>>,
    /// Ends in good order by then: 90s, 15m, 2h
    #[arg(long, value_name = "TIME", global = true, value_parser = values::some_duration)]
    pub max_duration: Option<Duration>,
}

const WHEN_COLOUR: &str = "Colours: auto, always or never; auto honours NO_COLOR and TERM=dumb";
const WHEN_PROGRESS: &str = "Progress on standard error: auto (on a terminal), always or never";

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetches mail from servers into Maildirs; changes nothing that is here
    ///
    /// Server → Maildir, the backup command. Mail that is here is never changed nor deleted. The server's copy is kept, or removed once the
    /// message is durable here, as the account's after-fetch says. Without a name: all accounts.
    #[command(override_usage = "mailx fetch [OPTIONS] [ACCOUNT]...\n       mailx fetch [OPTIONS] URL [DIR]")]
    Fetch(Run),
    /// Keeps Maildirs and accounts the same, both ways
    ///
    /// New mail, flags and keywords, deletions, moves and folders travel both ways, as far as the protocol can; what one side never had is
    /// new and stays. Messages that were deleted here go there as the account's expunge says; those that the server deleted are kept in the
    /// state's directory for keep-deleted. A deletion that looks like an accident is refused (exit 3). Without a name: all accounts.
    #[command(override_usage = "mailx sync [OPTIONS] [ACCOUNT]...\n       mailx sync [OPTIONS] URL [DIR]")]
    Sync(Run),
    /// Stays, and syncs as soon as something changes, there or here
    ///
    /// Mail arrives when it is sent: servers push (IMAP NOTIFY or IDLE, ActiveSync Ping) or are polled (POP3, and what a push leaves out), and
    /// changes of the Maildir go to the server at once. Whatever fails is told once, tried again with growing pauses, and told once more when it
    /// works again; an account that fails stops no other. SIGTERM ends in good order, SIGHUP reads the configuration again. Without a
    /// name: all accounts.
    #[command(override_usage = "mailx watch [OPTIONS] [ACCOUNT]...\n       mailx watch [OPTIONS] URL [DIR]")]
    Watch(Watch),
    /// Compares servers with Maildirs; changes nothing on either side
    ///
    /// Exit 0 only if everything that the server has is here, intact; each message that is not is named. Ids and sizes are compared, with
    /// --sample and --all also the bytes: those that the server sends with those of the files. What is here only is no difference. Without a
    /// name: all accounts.
    #[command(override_usage = "mailx verify [OPTIONS] [ACCOUNT]...\n       mailx verify [OPTIONS] URL DIR")]
    Verify(Verify),
    /// Sends a message
    ///
    /// Takes a whole message on standard input and sends it to the recipients named, or, with -t, to those of its header; or composes one
    /// from the options below, with its text on standard input. It is written to the outbox before anything is tried, and removed from
    /// there when the server has accepted it: exit 0 means accepted, 75 that it waits there and will be sent later. The bytes given are the
    /// bytes sent, except for Bcc, which goes to nobody, and for Date, Message-ID and From where they are missing.
    #[command(
        override_usage = "mailx send [OPTIONS] [-t] [-f ADDRESS] [--] [RECIPIENT]... < MESSAGE\n       mailx send [OPTIONS] --to ADDRESS... [--subject TEXT] [--attach FILE]... < TEXT\n       mailx send --flush [ACCOUNT]...\n       mailx -s SUBJECT [-a FILE] [-c ADDRESS] [-b ADDRESS] [-r ADDRESS] RECIPIENT... < TEXT"
    )]
    Send(Box<send::Send>),
    /// Looks at messages that wait to be sent, and decides about those that cannot
    #[command(subcommand, arg_required_else_help = true)]
    Outbox(send::Outbox),
    /// Lists the folders there and here
    #[command(override_usage = "mailx folders [OPTIONS] [ACCOUNT]...\n       mailx folders [OPTIONS] URL [DIR]")]
    Folders(Folders),
    /// Tells what is here, what is missing, and when each account last succeeded
    ///
    /// Says what the last runs left, without asking a server unless --remote is given. With --max-age it is a check for monitoring: exit 0
    /// only if every account succeeded since.
    Status(Status),
    /// Shows what servers demand of this device, and what becomes of it
    ///
    /// Exchange ActiveSync only: the rules of the policy as the server told them last, and an order to wipe that locks the account (exit 3). No
    /// server is asked. Nothing of a policy is enforced yet, and the server is told so. Without a name: all accounts that can have one.
    Policy {
        /// Names of accounts (none: all)
        #[arg(value_name = "ACCOUNT")]
        names: Vec<String>,
    },
    /// Looks at accounts, tests them, stores their secrets
    #[command(subcommand, arg_required_else_help = true)]
    Account(Account),
    /// Prints a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Prints the man page, or writes all of them into a directory
    #[command(hide = true)]
    Man {
        /// Where to write mailx.1 and the pages of the commands
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// Commands about accounts.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Lists the accounts of the configuration
    List,
    /// Shows the settings of an account and what its protocol can do
    Show {
        /// Name of the account
        #[arg(value_name = "ACCOUNT")]
        name: String,
    },
    /// Tries each step of reaching the server: name, connection, TLS, login, folders
    ///
    /// Reads nothing and changes nothing. A failed step is named, with its reason and what to do.
    #[command(override_usage = "mailx account test [OPTIONS] [ACCOUNT]...\n       mailx account test [OPTIONS] URL")]
    Test {
        /// Accounts to test
        #[command(flatten)]
        at: Where,
        /// The way to the server.
        #[command(flatten)]
        access: Access,
    },
    /// Stores or replaces the secret of an account
    ///
    /// Asks for the secret without showing it, or reads it from the first line of standard input when that is no terminal; keeps it in
    /// the system's keyring; then logs in to see whether it works.
    Login {
        /// Name of the account
        #[arg(value_name = "ACCOUNT")]
        name: String,
        /// Does not try to log in with it
        #[arg(long)]
        no_verify: bool,
        /// The way to the server.
        #[command(flatten)]
        clear: Clear,
    },
}

/// Which accounts, or which server.
#[derive(Debug, Args)]
pub struct Where {
    /// Names of accounts (none: all); or a URL and its directory, without any configuration
    #[arg(value_name = "ACCOUNT", value_hint = ValueHint::Other)]
    pub words: Vec<OsString>,
}

/// Clear text.
#[derive(Debug, Args)]
pub struct Clear {
    /// Allows clear text beyond this machine, for accounts with tls mode "none"
    #[arg(long)]
    pub allow_cleartext: bool,
}

/// How to reach a server that is named by a URL.
#[derive(Debug, Args)]
pub struct Access {
    /// With a URL: takes the secret from the first line of what this command prints
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub password_command: Option<String>,
    /// With a URL: trusts the certificates in this file too (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// With a URL: accepts only the certificate with this digest
    #[arg(long, value_name = "sha256:DIGEST", value_parser = values::pin)]
    pub pin: Option<String>,
    /// The way to the server.
    #[command(flatten)]
    pub clear: Clear,
}

/// What downloads leave out for now.
#[derive(Debug, Args)]
pub struct LeftOut {
    /// Leaves out for now what came before: 2026-01-31, a time of RFC 3339, 30d or 2w
    #[arg(long, value_name = "DATE", value_parser = values::since_now)]
    pub since: Option<i64>,
    /// Leaves out for now what is larger: octets, or 500k, 10M, 1G
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_size: Option<u64>,
}

/// `mailx fetch`.
#[derive(Debug, Args)]
pub struct Run {
    /// Accounts to work on
    #[command(flatten)]
    pub at: Where,
    /// Takes only folders that match; may be repeated; !PATTERN leaves out, * is any text, ? one character, \Junk a special use
    #[arg(long = "folder", value_name = "PATTERN")]
    pub folders: Vec<String>,
    /// Prints what would be done; changes nothing at all
    #[arg(long)]
    pub dry_run: bool,
    /// Prints a JSON line for each thing that happens, and the JSON summary last
    #[arg(long)]
    pub events: bool,
    /// Works on so many accounts at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Runs this command after a run that changed something, beside the account's own
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub exec: Option<String>,
    /// Downloads so many messages at most; the rest comes with a later run
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// Lets many messages be deleted in this run, although that looks like an accident; everywhere, or in one folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, default_missing_value = "*", action = clap::ArgAction::Append)]
    pub allow_mass_delete: Vec<String>,
    /// What is left out.
    #[command(flatten)]
    pub left_out: LeftOut,
    /// The way to the server.
    #[command(flatten)]
    pub access: Access,
    /// Writes figures of the run into this file, as OpenMetrics text
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metrics: Option<PathBuf>,
}

/// `mailx watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Accounts to watch
    #[command(flatten)]
    pub at: Where,
    /// Fetches instead of syncing: changes nothing that is here, and sends nothing there
    #[arg(long)]
    pub fetch: bool,
    /// Ends once a run has changed something
    #[arg(long)]
    pub once: bool,
    /// Looks so often at what is not pushed, at least: 2m, 1h (default: every 5 minutes; every 15 where the server pushes all folders)
    #[arg(long, value_name = "TIME", value_parser = values::some_duration)]
    pub poll: Option<Duration>,
    /// Takes only folders that match, as for fetch
    #[arg(long = "folder", value_name = "PATTERN")]
    pub folders: Vec<String>,
    /// Runs this command after each run that changed something, beside the account's own; JSON on its standard input and MAILX_ACCOUNT, MAILX_NEW,
    /// MAILX_FOLDERS say what
    #[arg(long, value_name = "CMD", value_hint = ValueHint::CommandString)]
    pub exec: Option<String>,
    /// Stops a hook that takes longer
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::some_duration)]
    pub exec_timeout: Duration,
    /// Prints a JSON line for each thing that happens, and a JSON summary after each run that changed something
    #[arg(long)]
    pub events: bool,
    /// Works on so many accounts at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// What is left out.
    #[command(flatten)]
    pub left_out: LeftOut,
    /// The way to the server.
    #[command(flatten)]
    pub access: Access,
}

/// `mailx verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Accounts to compare
    #[command(flatten)]
    pub at: Where,
    /// Takes only folders that match, as for fetch
    #[arg(long = "folder", value_name = "PATTERN")]
    pub folders: Vec<String>,
    /// Reads and compares the bytes of so many messages, others each time: 5%
    #[arg(long, value_name = "PERCENT", value_parser = values::percent, conflicts_with = "all")]
    pub sample: Option<f64>,
    /// Reads and compares the bytes of all messages
    #[arg(long)]
    pub all: bool,
    /// Works on so many accounts at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// The way to the server.
    #[command(flatten)]
    pub access: Access,
}

/// `mailx folders`.
#[derive(Debug, Args)]
pub struct Folders {
    /// Accounts to list
    #[command(flatten)]
    pub at: Where,
    /// Takes only folders that match, as for fetch
    #[arg(long = "folder", value_name = "PATTERN")]
    pub folders: Vec<String>,
    /// The way to the server.
    #[command(flatten)]
    pub access: Access,
}

/// `mailx status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Names of accounts (none: all)
    #[arg(value_name = "ACCOUNT")]
    pub names: Vec<String>,
    /// Fails unless every account succeeded in this time: 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = values::some_duration)]
    pub max_age: Option<Duration>,
    /// Asks the servers for quota and news
    #[arg(long)]
    pub remote: bool,
    /// Writes the figures into this file, as OpenMetrics text
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metrics: Option<PathBuf>,
    /// The way to the server.
    #[command(flatten)]
    pub clear: Clear,
}

impl Where {
    /// Checks the words against the two forms. `dir`: whether the URL form takes a directory.
    pub fn target(&self, access: &Access, dir: bool) -> Result<Target> {
        let wrong = |what: &str| Err(Error::new(Class::Usage, "read the command line", what));
        let is_url = |word: &OsString| word.to_string_lossy().contains("://");
        let Some(first) = self.words.first().filter(|word| is_url(word)) else {
            let urls_only = [access.password_command.is_some(), access.ca.is_some(), access.pin.is_some()];
            if self.words.iter().any(is_url) {
                return wrong("a URL comes first, alone or with a directory");
            }
            if urls_only.contains(&true) {
                return wrong("--password-command, --ca and --pin go with a URL; for an account they stand in the configuration");
            }
            let names = self.words.iter().map(|word| utf8(word, "a name of an account")).collect::<Result<_>>()?;
            return Ok(Target::Named(names));
        };
        if self.words.len() > if dir { 2 } else { 1 } {
            return wrong(if dir { "a URL is followed by one directory and nothing else" } else { "a URL stands alone here" });
        }
        Ok(Target::Url {
            url: utf8(first, "a URL")?,
            root: self.words.get(1).map(PathBuf::from),
            password_command: access.password_command.clone(),
            ca: access.ca.clone(),
            pin: access.pin.clone(),
        })
    }
}

fn utf8(word: &OsString, what: &str) -> Result<String> {
    let text = word.to_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Error::new(Class::Usage, "read the command line", format!("{} is not {what}", word.display())))
}

impl Run {
    /// The options as the application takes them.
    pub fn options(&self, verb: Verb, shared: &Shared) -> RunOptions {
        RunOptions {
            verb,
            folders: self.folders.clone(),
            dry_run: self.dry_run,
            share: 0.0,
            since: self.left_out.since,
            max_size: self.left_out.max_size,
            limit: self.limit,
            allow_mass_delete: (!self.allow_mass_delete.is_empty()).then(|| self.allow_mass_delete.clone()),
            max_duration: shared.max_duration,
            jobs: self.jobs.map(usize::from),
            exec: self.exec.clone(),
        }
    }
}

impl Watch {
    /// The options as the application takes them.
    pub fn options(&self) -> WatchOptions {
        let run = RunOptions {
            verb: if self.fetch { Verb::Fetch } else { Verb::Sync },
            folders: self.folders.clone(),
            since: self.left_out.since,
            max_size: self.left_out.max_size,
            jobs: self.jobs.map(usize::from),
            exec: self.exec.clone(),
            ..RunOptions::default()
        };
        WatchOptions { run, once: self.once, poll: self.poll, exec_timeout: self.exec_timeout }
    }
}

impl Verify {
    /// The options as the application takes them.
    pub fn options(&self, shared: &Shared) -> RunOptions {
        RunOptions {
            verb: Verb::Verify,
            folders: self.folders.clone(),
            share: if self.all { 1.0 } else { self.sample.unwrap_or(0.0) },
            max_duration: shared.max_duration,
            jobs: self.jobs.map(usize::from),
            ..RunOptions::default()
        }
    }
}

pub mod send;
#[cfg(test)]
mod tests;
