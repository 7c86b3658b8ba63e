//! Wrong words are exit 64 with a hint; help and version are exit 0.

use predicates::prelude::*;
use predicates::str::contains;

use crate::mailx;

#[test]
fn version_and_help_are_success_on_standard_output() {
    mailx().arg("--version").assert().code(0).stdout(concat!("mailx ", env!("CARGO_PKG_VERSION"), "\n")).stderr("");
    for words in [&["--help"][..], &["-h"], &["fetch", "--help"], &["account", "test", "-h"], &["help", "fetch"]] {
        mailx().args(words).assert().code(0).stdout(contains("Usage: mailx")).stderr("");
    }
}

#[test]
fn an_unknown_command_names_the_nearest() {
    mailx().arg("fecth").assert().code(64).stdout("").stderr(contains("'fetch'"));
    mailx().args(["account", "lsit"]).assert().code(64).stderr(contains("'list'"));
    mailx().args(["fetch", "--dryrun"]).assert().code(64).stderr(contains("'--dry-run'"));
    mailx().args(["x://me@host", "/m"]).assert().code(64).stderr(contains("mailx fetch URL DIR"));
}

#[test]
fn commands_that_do_not_work_yet_do_not_exist() {
    let help = mailx().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for command in ["restore", "archive", "lock"] {
        assert!(!help.contains(&format!("\n  {command} ")), "{command}");
        mailx().arg(command).assert().code(64);
    }
}

#[test]
fn wrong_usage_is_64_wherever_it_is_found() {
    for words in [
        &[][..],
        &["account"],
        &["fetch", "--jobs", "0"],
        &["fetch", "--since", "yesterday"],
        &["fetch", "--max-size", "huge"],
        &["fetch", "--color", "blue"],
        &["fetch", "-q", "-v"],
        &["fetch", "x://h", "/a", "/b"],
        &["fetch", "work", "x://h"],
        &["fetch", "work", "--ca", "f"],
        &["account", "test", "x://h", "/dir"],
        &["account", "show"],
        &["completions", "csh"],
        &["status", "--max-age", "0"],
    ] {
        mailx().args(words).assert().code(64).stdout("").stderr(predicate::str::is_empty().not());
    }
}

#[test]
fn programs_get_their_object_for_wrong_words_too() {
    for option in ["--json", "--events"] {
        let done = mailx().args(["fetch", option, "--since", "tomorrow"]).assert().code(64);
        let object: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
        assert_eq!((&object["error"]["class"], &object["error"]["exit"]), (&"usage".into(), &64.into()));
        assert!(object["error"]["message"].as_str().unwrap().contains("tomorrow"), "{object}");
    }
    mailx().args(["fetch", "--since", "tomorrow", "--", "--json"]).assert().code(64).stdout("");
}

#[test]
fn words_that_are_no_text_are_refused_without_a_panic() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff\x1b[2J");
    let done = mailx().arg("fetch").arg(odd).assert().code(64);
    assert!(!done.get_output().stderr.contains(&0x1b));
}

#[test]
fn with_json_a_refused_run_still_gives_one_object() {
    for option in ["--json", "--events"] {
        let done = mailx().args(["fetch", "work", "x://h", option]).assert().code(64);
        let value: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
        assert_eq!(value["error"]["class"], "usage");
        assert_eq!(value["error"]["exit"], 64);
        assert_eq!(value["accounts"], serde_json::json!([]));
    }
}
