//! Readers that leave, streams that are closed, disks that are full.

use std::process::{Command, Stdio};

use crate::mailx;

fn binary() -> String {
    assert_cmd::cargo::cargo_bin("mailx").display().to_string()
}

fn sh(script: &str) -> std::process::Output {
    Command::new("sh").args(["-c", script]).env("MAILX", binary()).output().unwrap()
}

#[test]
fn a_reader_that_leaves_is_success() {
    for words in [&["completions", "bash"][..], &["man"], &["--help"]] {
        let mut child = Command::new(binary()).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{words:?}");
    }
    let done = sh("{ \"$MAILX\" completions zsh; echo $? >&2; } | head -1 >/dev/null");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "0\n");
}

#[test]
fn closed_streams_do_no_harm() {
    for redirect in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        for (words, code) in [("--version", 0), ("completions fish", 0), ("man", 0), ("nonsense", 64), ("fetch a://b c d", 64)] {
            let done = sh(&format!("\"$MAILX\" {words} {redirect}"));
            assert_eq!(done.status.code(), Some(code), "{words} {redirect}");
        }
    }
}

#[test]
fn files_written_with_closed_streams_hold_what_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let done = sh(&format!("\"$MAILX\" man {} <&- >&- 2>&-", dir.path().display()));
    assert_eq!(done.status.code(), Some(0));
    assert!(std::fs::read_to_string(dir.path().join("mailx.1")).unwrap().contains(".TH MAILX"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_below_standard_output_is_said() {
    for words in ["completions bash", "man", "--help"] {
        let done = sh(&format!("\"$MAILX\" {words} >/dev/full"));
        assert_eq!(done.status.code(), Some(74), "{words}");
    }
}

#[test]
fn failures_to_write_files_have_their_class() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    mailx().arg("man").arg(file.join("below")).assert().code(74).stderr(predicates::str::contains("error: local-io: write man pages"));
}
