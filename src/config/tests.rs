#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::model::{AfterFetch, Class, Error, Result};

pub(super) fn environment() -> Environment {
    Environment {
        home: Some("/home/me".into()),
        config_dir: Some("/home/me/.config".into()),
        data_dir: Some("/home/me/.local/share".into()),
        working_dir: "/home/here".into(),
        system_file: "/nonexistent/etc/mailx/config.toml".into(),
        uid: rustix::process::geteuid().as_raw(),
        allow_cleartext: false,
    }
}

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("/c.toml"), &environment())
}

fn wrong(text: &str) -> Box<Error> {
    let error = parse(text).expect_err(text);
    assert_eq!(error.class, Class::Config, "{text}");
    error
}

/// One account with these lines.
fn account(lines: &str) -> Result<Account> {
    parse(&format!("[accounts.a]\nreceive = \"imaps://me@h\"\n{lines}\n")).map(|config| config.accounts.into_iter().next().unwrap())
}

#[test]
fn the_example_of_the_contract_is_read_whole() {
    let text = r#"
[defaults]
after-fetch = "keep"

[accounts.work]
address     = "me@example.org"
receive     = "imaps://me@imap.example.org"
send        = "smtps://me@smtp.example.org"
maildir     = "~/Mail/work"
layout      = "fs"
folders     = ["*", "!\\Junk"]
idle        = ["INBOX", "Lists/*"]
after-fetch = { delete-after = "30d" }
expunge     = "trash"
keep-deleted = "30d"
mirror-deletions = false
remote-wipe = "refuse"
auth        = "password"
sasl        = "auto"
password    = { command = "pass show mail/work" }
tls         = { ca = "~/ca.pem", pin = "sha256:abababababababababababababababababababababababababababababababab", cert = "/c", key = "/k", roots = "both" }
proxy       = "socks5://localhost:1080"
connections = 4
save-sent   = "auto"
identities  = ["me@example.com"]
exec        = "notmuch new"
[aliases]
root = "ops@example.org"
"#;
    let config = parse(text).unwrap();
    assert_eq!(config.file, Some(PathBuf::from("/c.toml")));
    assert_eq!(config.aliases.get("root").map(String::as_str), Some("ops@example.org"));
    let [account] = config.accounts.as_slice() else { panic!("one account") };
    assert_eq!(account.name, "work");
    assert_eq!(account.maildir, PathBuf::from("/home/me/Mail/work"));
    assert_eq!(account.folders, ["*", "!\\Junk"]);
    assert_eq!(account.idle, ["INBOX", "Lists/*"]);
    assert_eq!(account.after_fetch, AfterFetch::DeleteAfter(Duration::from_hours(720)));
    assert_eq!(account.remote_wipe, Some(RemoteWipe::Refuse));
    assert_eq!(account.sasl, None);
    assert_eq!(account.password, SecretSource::Command(Argv::Shell("pass show mail/work".to_owned())));
    assert_eq!(account.tls.ca, Some(PathBuf::from("/home/me/ca.pem")));
    assert_eq!(account.tls.pin, Some([0xab; 32]));
    assert_eq!(account.route, Route::Proxy("socks5://localhost:1080".to_owned()));
    assert_eq!(account.identities, ["me@example.com"]);
    assert_eq!(account.exec.as_deref(), Some("notmuch new"));
}

#[test]
fn what_is_not_said_has_a_default() {
    let account = account("").unwrap();
    assert_eq!(account.maildir, PathBuf::from("/home/me/.local/share/mailx/a"));
    assert_eq!(account.layout, Layout::Fs);
    assert_eq!(account.folders, ["*"]);
    assert_eq!(account.idle, ["INBOX"]);
    assert_eq!(account.after_fetch, AfterFetch::Keep);
    assert_eq!(account.expunge, Expunge::Trash);
    assert_eq!(account.keep_deleted, Duration::from_hours(720));
    assert!(!account.mirror_deletions);
    assert_eq!(account.remote_wipe, None);
    assert_eq!(account.auth, Auth::Password);
    assert_eq!(account.password, SecretSource::Keyring);
    assert_eq!(account.tls, Tls::default());
    assert_eq!(account.route, Route::Direct);
    assert_eq!(account.connections.get(), 4);
    assert_eq!(account.save_sent, SaveSent::Auto);
}

#[test]
fn values_of_every_key() {
    type Check = fn(&Account) -> bool;
    let table: [(&str, Check); 29] = [
        ("layout = \"maildir++\"", |a| a.layout == Layout::MaildirPlusPlus),
        ("after-fetch = \"delete\"", |a| a.after_fetch == AfterFetch::Delete),
        ("after-fetch.delete-after = \"2w\"", |a| a.after_fetch == AfterFetch::DeleteAfter(Duration::from_hours(14 * 24))),
        ("expunge = \"now\"", |a| a.expunge == Expunge::Now),
        ("expunge = \"never\"", |a| a.expunge == Expunge::Never),
        ("keep-deleted = \"0s\"", |a| a.keep_deleted.is_zero()),
        ("mirror-deletions = true", |a| a.mirror_deletions),
        ("remote-wipe = \"obey\"", |a| a.remote_wipe == Some(RemoteWipe::Obey)),
        ("auth = \"oauth2\"", |a| a.auth == Auth::OAuth2),
        ("sasl = \"plain\"", |a| a.sasl.as_deref() == Some("PLAIN")),
        ("password = { command = [\"pass\", \"x\"] }", |a| {
            a.password == SecretSource::Command(Argv::Exec(vec!["pass".to_owned(), "x".to_owned()]))
        }),
        ("password = { keyring = true }", |a| a.password == SecretSource::Keyring),
        ("password = { file = \"~/s\" }", |a| a.password == SecretSource::File("/home/me/s".into())),
        ("password = { env = \"PW\" }", |a| a.password == SecretSource::Env("PW".to_owned())),
        ("password = { credential = \"mail.pw\" }", |a| a.password == SecretSource::Credential("mail.pw".to_owned())),
        ("password = \"hunter2\"", |a| a.password == SecretSource::Inline(Inline("hunter2".into()))),
        ("tls = { roots = \"system\" }", |a| a.tls.roots == Roots::System),
        ("[accounts.a.tls]\nroots = \"webpki\"", |a| a.tls.roots == Roots::Webpki),
        ("tunnel = [\"ssh\", \"h\", \"imapd\"]", |a| a.route == Route::Tunnel(vec!["ssh".into(), "h".into(), "imapd".into()])),
        ("proxy = \"http://u:p@h:8080\"", |a| a.route == Route::Proxy("http://u:p@h:8080".to_owned())),
        ("connections = 1", |a| a.connections.get() == 1),
        ("connections = 0x20", |a| a.connections.get() == 32),
        ("save-sent = \"no\"", |a| a.save_sent == SaveSent::No),
        ("folders = []", |a| a.folders.is_empty()),
        ("idle = [\"*\", \"!\\\\Junk\"]", |a| a.idle == ["*", "!\\Junk"]),
        ("maildir = \"~\"", |a| a.maildir == Path::new("/home/me")),
        ("send = { command = \"/usr/sbin/sendmail -t\" }", |a| {
            a.send == Some(Outgoing::Command(Argv::Shell("/usr/sbin/sendmail -t".to_owned())))
        }),
        ("send = \"smtp://out\"\naddress = \"me@x\"", |a| {
            a.send == Some(Outgoing::Smtp { starttls: true, user: Some("me@x".to_owned()), host: "out".to_owned(), port: 587 })
        }),
        ("identities = [\"a@b\", \"c@d\"]", |a| a.identities.len() == 2),
    ];
    for (lines, check) in table {
        let account = account(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
        assert!(check(&account), "{lines}: {account:?}");
    }
}

#[test]
fn wrong_values_say_what_is_right() {
    for (lines, says) in [
        ("aftr-fetch = \"keep\"", "unknown key `aftr-fetch`|did you mean `after-fetch`?"),
        ("tsl = \"on\"", "did you mean `tls`?"),
        ("after_fetch = \"keep\"", "did you mean `after-fetch`?"),
        ("host = \"h\"", "unknown key `host`|known here: address, receive"),
        ("after-fetch = \"kep\"", "did you mean \"keep\"?"),
        ("after-fetch = true", "found boolean"),
        ("after-fetch = { delete-after = \"0d\" }", "\"delete\""),
        ("after-fetch = { delete-afer = \"1d\" }", "did you mean `delete-after`?"),
        ("after-fetch = {}", "missing: delete-after"),
        ("keep-deleted = 30", "expected a string, found integer"),
        ("keep-deleted = \"30\"", "not a duration"),
        ("mirror-deletions = \"yes\"", "true or false"),
        ("layout = \"Maildir++\"", "did you mean \"maildir++\"?"),
        ("folders = \"INBOX\"", "a list of strings"),
        ("folders = [\"a\", 3, \"\"]", "2 problems|found integer|a pattern is empty"),
        ("idel = [\"INBOX\"]", "unknown key `idel`|did you mean `idle`?"),
        ("idle = \"INBOX\"", "a list of strings"),
        ("idle = []", "at least one folder"),
        ("idle = [\"\"]", "a pattern is empty"),
        ("connections = 0", "from 1 to 32"),
        ("connections = 33", "from 1 to 32"),
        ("connections = -1", "from 1 to 32"),
        ("connections = \"4\"", "expected a number"),
        ("sasl = \"a b\"", "SASL"),
        ("password = { comand = \"x\" }", "did you mean `command`?"),
        ("password = { keyring = false }", "only `keyring = true`"),
        ("password = { keyring = true, env = \"X\" }", "only one of"),
        ("password = {}", "one of these is missing"),
        ("password = \"\"", "not empty"),
        ("password = 1234", "found integer"),
        ("password = { command = [] }", "program is missing"),
        ("password = { command = \" \" }", "command is empty"),
        ("password = { env = \"$PW\" }", "no `$`"),
        ("password = { credential = \"../x\" }", "without `/`"),
        ("password = { file = \"s\" }", "starts with `/` or `~/`"),
        ("maildir = \"$HOME/Mail\"", "variables are not expanded"),
        ("maildir = \"~other/Mail\"", "other people's homes"),
        ("maildir = \"/\"", "root directory"),
        ("tls = \"off\"", "expected a table"),
        ("tls = { verify = false }", "unknown key `verify`"),
        ("tls = { mode = \"starttls\" }", "not one of \"none\""),
        ("tls = { pin = \"sha1:00\" }", "sha256:"),
        ("tls = { cert = \"/c\" }", "`cert` and `key`"),
        ("tls = { mode = \"none\", pin = \"sha256:abababababababababababababababababababababababababababababababab\" }", "mean nothing"),
        ("tls = { mode = \"none\" }", "asks for TLS"),
        ("proxy = \"socks5://h\"\ntunnel = [\"x\"]", "exclude each other"),
        ("proxy = \"h:1080\"", "not a URL"),
        ("tunnel = \"ssh h\"", "a list of strings"),
        ("tunnel = []", "program is missing"),
        ("send = \"imaps://me@h\"", "unknown scheme `imaps`"),
        ("send = { comand = \"x\" }", "did you mean `command`?"),
        ("address = \"me\"", "not a mail address"),
        ("save-sent = false", "expected a string"),
        ("exec = \"\"", "empty"),
    ] {
        let error = account(lines).expect_err(lines);
        for part in says.split('|') {
            assert!(error.failed.contains(part), "{lines}: {} lacks {part}", error.failed);
        }
    }
}

#[test]
fn every_problem_is_named_at_its_place() {
    let text = "[defaults]\nexpunge = \"trahs\"\n\n[accounts.a]\nreceive = \"imaps://me@h\"\naftr-fetch = \"keep\"\n  connections = 99\ninclude = 1\n\n[acounts.b]\n";
    let error = wrong(text);
    let expected = "5 problems
/c.toml:2:11: \"trahs\" is not one of \"trash\", \"now\", \"never\"; did you mean \"trash\"?
2 | expunge = \"trahs\"
  |           ^^^^^^^
/c.toml:6:1: unknown key `aftr-fetch`
6 | aftr-fetch = \"****\"
  | ^^^^^^^^^^
did you mean `after-fetch`?
/c.toml:7:17: must be a number from 1 to 32
7 |   connections = 99
  |                 ^^
/c.toml:8:1: unknown key `include`";
    assert!(error.failed.starts_with(expected), "{}", error.failed);
    assert!(
        error.failed.contains("/c.toml:10:2: unknown key `acounts`\n10 | [acounts.b]\n   |  ^^^^^^^\ndid you mean `accounts`?"),
        "{}",
        error.failed
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_with_the_rest_of_its_problems() {
    let error = wrong("[accounts.a]\nreceive = \"imaps://me@h\nexpunge = \"x\"\n");
    assert!(error.failed.contains("/c.toml:2:"), "{}", error.failed);
    assert!(error.failed.contains("/c.toml:3:11: \"x\" is not one of"), "{}", error.failed);
    assert!(wrong("[accounts.a]\nreceive = \"imaps://me@h\"\nreceive = \"imaps://me@h\"\n").failed.contains("/c.toml:3:1: duplicate key"));
    for text in ["=", "[", "\u{0}", "[accounts.a", "a = 'x", "\"", "[[accounts]]\n", "accounts = 1", "[accounts]\na = 1"] {
        wrong(text);
    }
}

#[test]
fn no_secret_comes_back_in_an_error_or_in_debug_output() {
    for text in [
        "[accounts.a]\nreceive = \"imaps://me@h\"\npasword = \"hunter2\"\n",
        "[accounts.a]\nreceive = \"imaps://me@h\"\npassword = { value = \"hunter2\" }\n",
        "[accounts.a]\nreceive = \"imaps://me:hunter2@h\"\n",
        "[accounts.a]\nreceive = \"imaps://me@h\"\npassword = hunter2\n",
        "[accounts.a]\nreceive = \"imaps://me@h\"\npassword = \"hunter2\n",
        "[accounts.a]\nreceive = \"imaps://me@h\"\npassword = \"\"\"x\nhunter2\n\"\"\"\n",
        "[accounts.a]\nreceive = \"imaps://me@h\"\nproxy = \"http://me:hunter2@h/x\"\n",
    ] {
        let error = wrong(text);
        assert!(!format!("{error:?}").contains("hunter2"), "{text}: {error:?}");
    }
    let account = account("password = \"hunter2\"").unwrap();
    assert!(!format!("{account:?}").contains("hunter2"));
}

#[test]
fn defaults_hold_where_an_account_says_nothing() {
    let text = "[accounts.z]\nreceive = \"pop3s://h\"\nexpunge = \"now\"\nidle = [\"x\"]\n[accounts.b]\nreceive = \"eas://h\"\ntls = { roots = \"system\" }\n\
                [defaults]\naddress = \"me@x\"\nexpunge = \"never\"\nidle = [\"a\", \"b\"]\ntls = { ca = \"/ca\" }\n";
    let config = parse(text).unwrap();
    let names: Vec<&str> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["z", "b"], "in the order of the file");
    let [z, b] = config.accounts.as_slice() else { panic!() };
    assert_eq!((z.expunge, b.expunge), (Expunge::Now, Expunge::Never));
    assert_eq!((z.idle.as_slice(), b.idle.len()), (["x".to_owned()].as_slice(), 2));
    assert_eq!((z.tls.ca.as_deref(), b.tls.ca.as_deref()), (Some(Path::new("/ca")), None), "a table counts whole");
    assert_eq!(z.receive.as_ref().unwrap().user, "me@x");
}

#[test]
fn an_account_needs_a_server_and_a_good_name() {
    assert!(wrong("[accounts.a]\naddress = \"me@x\"\n").failed.contains("/c.toml:1:11: account `a` has neither `receive` nor `send`"));
    assert!(wrong("[accounts.\"a/b\"]\nreceive = \"imaps://me@h\"\n").failed.contains("letters, digits"));
    assert!(wrong("receive = \"imaps://me@h\"\n").failed.contains("belongs into [accounts.NAME]"));
    assert!(wrong("[accounts]\nreceive = \"imaps://me@h\"\n").failed.contains("with a name of yours"));
    assert_eq!(wrong("[accounts.a]\nreceive = 3\n").failed.matches("/c.toml").count(), 1, "one mistake, one problem");
}

#[test]
fn clear_text_stays_on_this_machine() {
    let text = |host: &str| format!("[accounts.a]\nreceive = \"imap://me@{host}\"\ntls = {{ mode = \"none\" }}\n");
    for host in ["localhost", "127.0.0.1:1143", "[::1]"] {
        assert!(parse(&text(host)).unwrap().accounts.iter().all(|account| account.tls.clear), "{host}");
    }
    assert!(wrong(&text("h.example")).failed.contains("clear text to h.example, another machine"));
    let sending = "[accounts.a]\nreceive = \"imap://me@localhost\"\nsend = \"smtp://me@h.example\"\ntls = { mode = \"none\" }\n";
    assert!(wrong(sending).failed.contains("/c.toml:3:8"));
    let allowed = Environment { allow_cleartext: true, ..environment() };
    assert!(Config::parse(&text("h.example"), Path::new("/c.toml"), &allowed).is_ok());
}

#[test]
fn the_folder_of_the_url_is_the_only_one() {
    let text = "[defaults]\nfolders = [\"*\"]\n[accounts.a]\nreceive = \"imaps://me@h/Lists/x\"\n";
    assert_eq!(parse(text).unwrap().accounts.first().unwrap().folders, ["Lists/x"]);
    // A path names one folder, whatever it is called.
    let named = |path: &str| parse(&format!("[accounts.a]\nreceive = \"imaps://me@h/{path}\"\n")).unwrap().accounts.remove(0).folders;
    assert_eq!(named("star*"), [r"star\*"]);
    assert_eq!(named("!a%3Fb"), [r"\!a\?b"]);
    assert!(wrong("[accounts.a]\nreceive = \"imaps://me@h/x\"\nfolders = [\"*\"]\n").failed.contains("exclude each other"));
}

#[test]
fn two_accounts_never_share_files() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
    let at = |a: &str, b: &str| {
        let base = dir.path().display();
        parse(&format!(
            "[accounts.a]\nreceive = \"imaps://me@h\"\nmaildir = \"{base}/{a}\"\n[accounts.b]\nreceive = \"imaps://me@h\"\nmaildir = \"{base}/{b}\"\n"
        ))
    };
    for (a, b, says) in [
        ("x", "x", "is the same as that of `a`"),
        ("x", "x/", "is the same as"),
        ("x", "y/../x", "is the same as"),
        ("real", "link", "is the same as"),
        ("real/new/box", "link/new/box", "is the same as"),
        ("x", "x/y", "lies inside that of `a`"),
        ("link/y", "real", "contains that of `a`"),
    ] {
        let error = at(a, b).expect_err(b);
        assert_eq!(error.class, Class::Config);
        assert!(error.failed.contains(says) && error.failed.contains("/c.toml:6:11"), "{a} {b}: {}", error.failed);
    }
    for (a, b) in [("x", "y"), ("x", "xy"), ("real", "real2")] {
        assert!(at(a, b).is_ok(), "{a} {b}");
    }
}

#[test]
fn selecting_names_the_nearest() {
    let config = parse("[accounts.work]\nreceive = \"imaps://me@h\"\n[accounts.home]\nreceive = \"imaps://me@h\"\n").unwrap();
    let names = |asked: &[&str]| config.select(asked).map(|found| found.iter().map(|account| account.name.clone()).collect::<Vec<_>>());
    assert_eq!(names(&[]).unwrap(), ["work", "home"]);
    assert_eq!(names(&["home", "work", "home"]).unwrap(), ["home", "work"]);
    let error = names(&["wrok"]).unwrap_err();
    assert_eq!((error.class, error.hints.as_slice()), (Class::Usage, ["did you mean `work`?".to_owned()].as_slice()));
    assert_eq!(names(&["zzz"]).unwrap_err().hints, ["configured: work, home"]);
    assert_eq!(Config::default().select::<&str>(&[]).unwrap_err().class, Class::Config);
    assert_eq!(parse("").unwrap().select(&["x"]).unwrap_err().class, Class::Config);
}
