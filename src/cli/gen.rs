//! Completions and man pages, made from the definition of the arguments. Checked in under completions/ and man/; a test compares.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use crate::model::{Error, Result};

/// Where the completions of the common shells are checked in.
pub const COMPLETIONS: [(Shell, &str); 3] = [(Shell::Bash, "mailx.bash"), (Shell::Zsh, "_mailx"), (Shell::Fish, "mailx.fish")];

/// The completion script of a shell.
pub fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mailx", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// `mailx.1`.
pub fn main_page() -> String {
    page(&built(), "")
}

/// Every page: file name and text.
pub fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    collect(&built(), "", &mut pages);
    pages
}

/// Writes every page into `dir`, which is created where it is missing.
pub fn write_pages(dir: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::local(format!("write man pages into {}", dir.display()), &error);
    std::fs::create_dir_all(dir).map_err(failed)?;
    pages().iter().try_for_each(|(name, text)| std::fs::write(dir.join(name), text)).map_err(failed)
}

fn built() -> Command {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

fn collect(command: &Command, parent: &str, pages: &mut Vec<(String, String)>) {
    let name = full_name(command, parent);
    pages.push((format!("{name}.1"), page(command, parent)));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        collect(sub, &name, pages);
    }
}

fn full_name(command: &Command, parent: &str) -> String {
    if parent.is_empty() { command.get_name().to_owned() } else { format!("{parent}-{}", command.get_name()) }
}

fn page(command: &Command, parent: &str) -> String {
    let name = full_name(command, parent);
    // The version stands in mailx.1 alone, so that a release changes one page.
    let source = if parent.is_empty() { concat!("mailx ", env!("CARGO_PKG_VERSION")) } else { "mailx" };
    let man = clap_mangen::Man::new(command.clone().display_name(name.clone())).title(name.to_uppercase()).source(source);
    let man = man.manual("mailx manual");
    let mut text = Vec::new();
    let parts = [
        clap_mangen::Man::render_title,
        clap_mangen::Man::render_name_section,
        clap_mangen::Man::render_synopsis_section,
        clap_mangen::Man::render_description_section,
        clap_mangen::Man::render_options_section,
    ];
    for part in parts {
        // Writing into memory does not fail.
        let _ = part(&man, &mut text);
    }
    if command.has_subcommands() {
        let _ = man.render_subcommands_section(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned() + &sections(&name)
}

fn sections(name: &str) -> String {
    let mut text = section("EXIT STATUS", &definitions(EXIT_STATUS));
    text += &section("FILES", &definitions(FILES));
    text += &section("ENVIRONMENT", &definitions(ENVIRONMENT));
    let examples: Vec<_> =
        EXAMPLES.iter().filter(|(of, ..)| *of == name || name == "mailx").map(|(_, what, line)| (*what, *line)).collect();
    if !examples.is_empty() {
        let example = |(what, line): &(&str, &str)| format!(".PP\n{}\n.RS 4\n.nf\n{}\n.fi\n.RE\n", roff(what), roff(line));
        text += &section("EXAMPLES", &examples.iter().map(example).collect::<String>());
    }
    if name != "mailx" {
        text += &section("SEE ALSO", ".BR mailx (1)\n");
    }
    text
}

fn section(title: &str, body: &str) -> String {
    format!(".SH \"{title}\"\n{body}")
}

fn definitions(rows: &[(&str, &str)]) -> String {
    let row = |(what, text): &(&str, &str)| format!(".TP\n\\fB{}\\fR\n{}\n", roff(what), roff(text));
    rows.iter().map(row).collect()
}

/// Plain text for roff: no escapes, no requests, real hyphens and quotes that can be copied.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "All done; no new mail is success."),
    ("1", "Done, but some accounts, folders or messages failed or differ; each is named."),
    ("3", "Refused for safety, or a message in doubt: a person must decide."),
    ("64, 78", "Wrong usage; wrong configuration."),
    ("65", "The message or data given is malformed."),
    ("66", "An input (folder, message, file) does not exist."),
    ("69", "The server could not be reached, or refused for good."),
    ("70", "A bug in mailx."),
    ("73, 74", "Cannot create (permission, read-only); input-output error or disk full."),
    ("75", "Try again later: another run holds the lock, the connection was lost, the time given was up, mail waits in the outbox."),
    ("76", "The server broke the protocol."),
    ("77", "Permission: login refused, or TLS not trusted."),
    ("130, 143", "Ended early by Ctrl-C or SIGTERM, in good order unless Ctrl-C came twice."),
];

const FILES: &[(&str, &str)] = &[
    ("$XDG_CONFIG_HOME/mailx/config.toml", "The configuration (~/.config/mailx/config.toml where XDG_CONFIG_HOME is not set)."),
    ("/etc/mailx/config.toml", "The configuration where the user has none."),
    (
        "ROOT/.mailx/",
        "State and lock of a Maildir root. Losing it loses no mail: the next run rebuilds it without downloading what is here.",
    ),
    ("ROOT/.mailx/outbox/", "Messages that are to be sent: ID.eml, and ID.STATE with its envelope and what has happened to it."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("MAILX_CONFIG", "Names another configuration file, as --config does."),
    ("MAILX_PASSWORD", "The secret for the URL form."),
    ("NO_COLOR", "No colours, unless --color says otherwise."),
    ("TERM", "With the value dumb: no colours and no bars."),
];

const EXAMPLES: &[(&str, &str, &str)] = &[
    ("mailx-sync", "See what a sync would do, message by message:", "mailx sync --dry-run -v work"),
    ("mailx-sync", "Sync all accounts every five minutes, from cron:", "*/5 * * * * mailx sync -q --wait=60"),
    ("mailx-sync", "A folder was emptied here on purpose:", "mailx sync work --allow-mass-delete=Archive/2019"),
    ("mailx-fetch", "Fetch all accounts, as cron would:", "mailx fetch -q"),
    ("mailx-fetch", "See what a first fetch would download:", "mailx fetch --dry-run work"),
    (
        "mailx-fetch",
        "Back up a server without any configuration:",
        "mailx fetch imaps://me@imap.example.org ~/Mail/me --password-command 'pass show mail/me'",
    ),
    (
        "mailx-fetch",
        "The last month, without large messages and junk:",
        "mailx fetch work --since 30d --max-size 10M --folder '*' --folder '!\\Junk'",
    ),
    ("mailx-send", "Send a whole message to the recipients of its header:", "mailx send -t < message.eml"),
    (
        "mailx-send",
        "Compose one with an attachment:",
        "echo 'see attached' | mailx send --to ops@example.org --subject Report --attach report.pdf",
    ),
    ("mailx-send", "As POSIX mailx, from a script:", "echo done | mailx -s 'backup ok' ops@example.org"),
    ("mailx-send", "For cron, git send-email, mutt: by the name sendmail it is sendmail:", "ln -s /usr/local/bin/mailx /usr/sbin/sendmail"),
    ("mailx-send", "Send what waits, from cron:", "*/5 * * * * mailx send --flush"),
    ("mailx-outbox", "What waits, and why:", "mailx outbox list"),
    ("mailx-folders", "Folders of an account that start with Archive:", "mailx folders work --folder 'Archive*'"),
    ("mailx-policy", "What the server of an account demands:", "mailx policy work"),
    ("mailx-status", "A check for monitoring:", "mailx status --max-age 2h"),
    ("mailx-account-test", "Find out why an account does not work:", "mailx account test work"),
    ("mailx-account-login", "Store a secret that another program prints:", "pass show mail/work | mailx account login work"),
    ("mailx-completions", "Completions for this bash:", "eval \"$(mailx completions bash)\""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_every_section() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["mailx.1", "mailx-fetch.1", "mailx-status.1", "mailx-account.1", "mailx-account-test.1"] {
            assert!(names.contains(&name), "{name} not in {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("help") || name.contains("man")), "{names:?}");
        for (name, text) in &pages {
            for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "FILES", "ENVIRONMENT"] {
                assert!(text.contains(&format!(".SH {section}\n")) || text.contains(&format!(".SH \"{section}\"\n")), "{name}: {section}");
            }
        }
    }

    #[test]
    fn every_example_belongs_to_a_page() {
        for (of, ..) in EXAMPLES {
            assert!(pages().iter().any(|(name, _)| *name == format!("{of}.1")), "{of}");
        }
    }
}
