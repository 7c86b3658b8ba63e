//! Options of `mailx send` and `mailx outbox`. The sendmail and POSIX forms are translated into these.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::Clear;
use crate::app::send::{Attachment, Compose, Queueing, Request, Source};
use crate::cli::values;
use crate::model::{Class, Error, Notify, Reports, Result};

/// `mailx send`.
#[derive(Debug, Args)]
pub struct Send {
    /// Who gets it: addresses or short names
    #[arg(value_name = "RECIPIENT", value_hint = ValueHint::EmailAddress)]
    pub recipients: Vec<String>,
    /// Sends from this account, not from the one that has the sender's address
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Takes recipients from the message's To, Cc and Bcc as well
    #[arg(short = 't', conflicts_with_all = COMPOSING)]
    pub in_header: bool,
    /// Says in the envelope that it is from this address; <> for nobody
    #[arg(short = 'f', value_name = "ADDRESS", allow_hyphen_values = true)]
    pub envelope_from: Option<String>,
    /// Writes this name beside the sender's address where the message has no From
    #[arg(short = 'F', value_name = "NAME", allow_hyphen_values = true)]
    pub name: Option<String>,
    /// Asks for reports: never, or a list of success, failure and delay
    #[arg(short = 'N', long = "dsn", value_name = "WHEN", value_parser = notify)]
    pub dsn: Option<Notify>,
    /// Has reports with all of the message (full) or its header (hdrs)
    #[arg(short = 'R', long = "dsn-return", value_name = "WHAT", value_parser = whole)]
    pub dsn_return: Option<bool>,
    /// Names the message so in reports
    #[arg(short = 'V', long = "dsn-id", value_name = "ID", value_parser = values::printable)]
    pub dsn_id: Option<String>,
    /// Leaves Bcc in the message, and in its copy: whoever gets it sees whom else it went to
    #[arg(long)]
    pub keep_bcc: bool,
    /// Sends to nobody unless the server takes all recipients
    #[arg(long)]
    pub all_or_none: bool,
    /// Only queues the message
    #[arg(long, conflicts_with = "no_queue")]
    pub queue: bool,
    /// Never queues the message: what cannot be sent now is not kept
    #[arg(long)]
    pub no_queue: bool,
    /// Sends what waits in the outboxes of these accounts (none: all), as far as it is due
    #[arg(long, conflicts_with_all = ["in_header", "envelope_from", "queue", "no_queue", "account", "to", "subject", "attach"])]
    pub flush: bool,
    /// Tells the system's log of each message, too
    #[arg(long)]
    pub syslog: bool,
    /// Composes a message to these
    #[arg(long, value_name = "ADDRESS", help_heading = COMPOSE, value_hint = ValueHint::EmailAddress)]
    pub to: Vec<String>,
    /// Sends a copy to these
    #[arg(long, value_name = "ADDRESS", help_heading = COMPOSE, value_hint = ValueHint::EmailAddress)]
    pub cc: Vec<String>,
    /// Sends a copy to these, and nobody sees that
    #[arg(long, value_name = "ADDRESS", help_heading = COMPOSE, value_hint = ValueHint::EmailAddress)]
    pub bcc: Vec<String>,
    /// Says whom it is from: an address, or a name and an address
    #[arg(long, value_name = "ADDRESS", help_heading = COMPOSE, value_hint = ValueHint::EmailAddress)]
    pub from: Option<String>,
    /// Wants answers there
    #[arg(long, value_name = "ADDRESS", help_heading = COMPOSE, value_hint = ValueHint::EmailAddress)]
    pub reply_to: Vec<String>,
    /// Subject
    #[arg(short = 's', long, value_name = "TEXT", help_heading = COMPOSE, allow_hyphen_values = true)]
    pub subject: Option<String>,
    /// Attaches this file
    #[arg(long, value_name = "FILE[;TYPE]", help_heading = COMPOSE, value_hint = ValueHint::FilePath)]
    pub attach: Vec<OsString>,
    /// Says that the text is HTML
    #[arg(long, help_heading = COMPOSE)]
    pub html: bool,
    /// Adds a header field: "NAME: VALUE"
    #[arg(long, value_name = "FIELD", help_heading = COMPOSE)]
    pub header: Vec<String>,
    /// Takes the text from this file, not from standard input
    #[arg(long, value_name = "FILE", help_heading = COMPOSE, value_hint = ValueHint::FilePath)]
    pub body_file: Option<PathBuf>,
    /// Answers the message in this file
    #[arg(long, value_name = "FILE", help_heading = COMPOSE, value_hint = ValueHint::FilePath)]
    pub reply_to_message: Option<PathBuf>,
    /// Sends nothing where the text is empty
    #[arg(long, help_heading = COMPOSE)]
    pub skip_empty: bool,
    /// Which other program's command line this was.
    #[arg(long, hide = true, value_enum, default_value = "own")]
    pub form: Form,
    /// Of POSIX mailx, where it is a header field: the type of the text.
    #[arg(long, hide = true, value_name = "TYPE", conflicts_with = "html")]
    pub content_type: Option<String>,
    /// Of sendmail: accepted, and always on.
    #[arg(short = 'i', hide = true)]
    pub ignore_dots: bool,
    /// Of sendmail: accepted, and without a meaning here.
    #[arg(short = 'o', hide = true, value_name = "OPTION", allow_hyphen_values = true)]
    pub option: Vec<String>,
    /// Of sendmail: m, which is what this does.
    #[arg(short = 'b', hide = true, value_parser = ["m"])]
    pub mode: Option<String>,
    /// Of sendmail: accepted; what the message needs is found out.
    #[arg(short = 'B', hide = true, value_name = "BODY")]
    pub body_type: Option<String>,
    /// The way to the server.
    #[command(flatten)]
    pub clear: Clear,
}

const COMPOSE: &str = "Composing";
const COMPOSING: [&str; 12] =
    ["to", "cc", "bcc", "from", "reply_to", "subject", "attach", "html", "header", "body_file", "reply_to_message", "skip_empty"];

/// Whose command line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Ours.
    Own,
    /// That of sendmail.
    Sendmail,
    /// That of POSIX mailx.
    Mailx,
}

/// `mailx outbox`.
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// Lists messages that wait, failed, or are in doubt
    List {
        /// Names of accounts (none: all)
        #[arg(value_name = "ACCOUNT")]
        names: Vec<String>,
    },
    /// Shows a message: its envelope, what happened to it, and its text
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Sends a message now, also one that failed or is in doubt
    ///
    /// It goes to all recipients who surely did not get it: those who wait and those who were refused. A recipient is in doubt (uncertain) when
    /// the message was sent whole and the server's answer was lost: only you can find out whether it arrived. Those in doubt get it again with
    /// --uncertain, or where nobody else is left. It may arrive twice then; it is the same message, with the same Message-ID.
    Retry {
        /// Its id, or the beginning of it
        id: String,
        /// Sends it to those in doubt as well
        #[arg(long)]
        uncertain: bool,
        /// Tells the system's log, too
        #[arg(long)]
        syslog: bool,
        /// The way to the server.
        #[command(flatten)]
        clear: Clear,
    },
    /// Removes a message without sending it
    Delete {
        /// Its id, or the beginning of it
        id: String,
    },
}

impl Send {
    /// What is asked for, with its parts checked.
    pub fn request(&self) -> Result<Request> {
        let composed = self.form == Form::Mailx || self.composes();
        let source = if composed && !self.in_header {
            let compose = Compose {
                from: self.from.clone(),
                to: [self.to.clone(), self.recipients.clone()].concat(),
                cc: self.cc.clone(),
                bcc: self.bcc.clone(),
                keep_bcc: self.keep_bcc,
                reply_to: self.reply_to.clone(),
                subject: self.subject.clone(),
                headers: self.header.iter().map(|field| split(field)).collect::<Result<_>>()?,
                attachments: self.attach.iter().map(|file| Attachment::parse(file)).collect(),
                html: self.html,
                kind: self.content_type.clone(),
                body: self.body_file.clone(),
                reply: self.reply_to_message.clone(),
                skip_empty: self.skip_empty,
            };
            Source::Composed(Box::new(compose))
        } else {
            Source::Whole { recipients_in_header: self.in_header }
        };
        let recipients = if matches!(source, Source::Composed(_)) { Vec::new() } else { self.recipients.clone() };
        let queueing = match (self.queue, self.no_queue) {
            (true, _) => Queueing::Only,
            (_, true) => Queueing::Never,
            _ => Queueing::First,
        };
        Ok(Request {
            account: self.account.clone(),
            source,
            recipients,
            from: self.envelope_from.clone(),
            name: self.name.clone(),
            reports: Reports { notify: self.dsn, whole: self.dsn_return, id: self.dsn_id.clone() },
            all_or_none: self.all_or_none,
            keep_bcc: self.keep_bcc,
            queueing,
        })
    }

    fn composes(&self) -> bool {
        let lists = [&self.to, &self.cc, &self.bcc, &self.reply_to, &self.header];
        lists.iter().any(|list| !list.is_empty())
            || !self.attach.is_empty()
            || self.from.is_some()
            || self.subject.is_some()
            || self.body_file.is_some()
            || self.reply_to_message.is_some()
            || self.html
            || self.skip_empty
    }
}

/// `NAME: VALUE`.
fn split(field: &str) -> Result<(String, String)> {
    let parts = field.split_once(':').map(|(name, value)| (name.trim_end().to_owned(), value.trim().to_owned()));
    parts.ok_or_else(|| {
        Error::new(Class::BadData, "compose the message", format!("\"{}\" is no header field", field.escape_debug()))
            .hint("write it as \"NAME: VALUE\"")
    })
}

fn notify(text: &str) -> Result<Notify, String> {
    Notify::parse(text).ok_or_else(|| "must be never, or a list of success, failure and delay".to_owned())
}

fn whole(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "full" => Ok(true),
        "hdrs" => Ok(false),
        _ => Err("must be full or hdrs".to_owned()),
    }
}
