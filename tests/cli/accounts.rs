//! Accounts from a real configuration file; no server is asked.

use predicates::prelude::*;
use predicates::str::contains;

use crate::mailx;

const CONFIG: &str = r#"
[accounts.work]
receive = "imaps://me@imap.example.org"
send = "smtps://me@smtp.example.org"
maildir = "/tmp/mail/work"
password = { command = "echo hunter2" }
proxy = "socks5://me:hunter3@proxy.example.org:1080"

[accounts.home]
receive = "pop3://you@pop.example.org"
maildir = "/tmp/mail/home"
"#;

struct Configured {
    dir: tempfile::TempDir,
}

impl Configured {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, CONFIG).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { dir }
    }

    fn mailx(&self, words: &[&str]) -> assert_cmd::Command {
        let mut command = mailx();
        command.env("MAILX_CONFIG", self.dir.path().join("config.toml")).args(words);
        command
    }
}

#[test]
fn list_is_a_table_and_an_object() {
    let config = Configured::new();
    let table = contains("work     imaps://me@imap.example.org:993  smtps://me@smtp.example.org:465  /tmp/mail/work\n");
    config.mailx(&["account", "list"]).assert().code(0).stdout(contains("ACCOUNT").and(table)).stderr("");
    let done = config.mailx(&["account", "list", "--json"]).assert().code(0);
    let value: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(value["accounts"][1]["name"], "home");
    assert_eq!(value["accounts"][1]["receive"], "pop3://you@pop.example.org:110");
    assert_eq!(value["accounts"][1]["send"], serde_json::Value::Null);
}

#[test]
fn show_names_settings_and_no_secret() {
    let config = Configured::new();
    for option in [&[][..], &["--json"], &["-vv"]] {
        let words = [&["account", "show", "work"], option].concat();
        let clean = contains("hunter").not();
        config
            .mailx(&words)
            .assert()
            .code(0)
            .stdout(contains("from a command").and(contains("idle")).and(clean))
            .stderr(contains("hunter").not());
    }
}

#[test]
fn an_unknown_account_names_the_nearest() {
    let config = Configured::new();
    for words in [&["account", "show", "wrok"][..], &["account", "login", "wrok"]] {
        config.mailx(words).assert().code(64).stdout("").stderr(contains("error: usage").and(contains("next: did you mean `work`?")));
    }
}

#[test]
fn a_configuration_that_is_not_there_is_78_and_says_what_to_do() {
    for words in [&["account", "list", "--config", "/nonexistent/c.toml"][..], &["account", "show", "work"]] {
        let done = mailx().args(words).assert().stdout("").stderr(contains("mailx: error: ").and(contains("  next: ")));
        assert!([66, 78].contains(&done.get_output().status.code().unwrap()), "{words:?}");
    }
}

#[test]
fn a_secret_on_standard_input_is_checked() {
    let config = Configured::new();
    let long = vec![b'x'; 70_000];
    for (input, why) in [(&b""[..], "empty"), (b"\nx", "empty"), (b"\xff\n", "UTF-8"), (&long, "too long")] {
        config.mailx(&["account", "login", "home"]).write_stdin(input).assert().code(65).stderr(contains(why));
    }
    config.mailx(&["account", "login", "work"]).write_stdin("x\n").assert().code(78).stderr(contains("from a command"));
}
