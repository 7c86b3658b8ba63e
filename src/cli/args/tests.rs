//! Every option arrives where it should.

use clap::CommandFactory;

use super::*;

fn fetch(words: &[&str]) -> (Shared, Run) {
    let words = ["mailx", "fetch"].iter().chain(words);
    match Cli::try_parse_from(words).unwrap() {
        Cli { shared, command: Command::Fetch(fetch) } => (shared, fetch),
        other => panic!("{other:?}"),
    }
}

fn target(words: &[&str]) -> Result<Target> {
    let (_, fetch) = fetch(words);
    fetch.at.target(&fetch.access, true)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn fetch_options_arrive() {
    let (shared, fetch) = fetch(&[
        "--folder",
        "INBOX",
        "--folder=!\\Junk",
        "--dry-run",
        "--jobs=2",
        "--limit",
        "5",
        "--since",
        "1970-01-02T00:00:00Z",
        "--max-size",
        "10M",
        "--max-duration",
        "15m",
        "--exec",
        "notmuch new",
        "work",
        "home",
        "--timeout=2m",
        "-vv",
    ]);
    let run = fetch.options(Verb::Fetch, &shared);
    assert_eq!(run.folders, ["INBOX", "!\\Junk"]);
    assert!(run.dry_run);
    assert_eq!((run.jobs, run.limit, run.since, run.max_size), (Some(2), Some(5), Some(86_400), Some(10 << 20)));
    assert_eq!((run.max_duration, shared.timeout, shared.verbose), (Some(Duration::from_mins(15)), Duration::from_mins(2), 2));
    assert_eq!(run.exec.as_deref(), Some("notmuch new"));
    assert!(matches!(fetch.at.target(&fetch.access, true).unwrap(), Target::Named(names) if names == ["work", "home"]));
}

#[test]
fn wait_takes_its_time_only_with_an_equals_sign() {
    assert_eq!(fetch(&["work"]).0.wait, None);
    let (shared, fetched) = fetch(&["--wait", "work"]);
    assert_eq!((shared.wait, fetched.at.words.len()), (Some(None), 1));
    assert_eq!(fetch(&["--wait=30", "work"]).0.wait, Some(Some(Duration::from_secs(30))));
}

#[test]
fn a_first_word_with_a_scheme_is_the_url_form() {
    let Target::Url { url, root, ca, pin, password_command } =
        target(&["x://me@h/f", "/m", "--ca", "ca.pem", "--pin=sha256:ab", "--password-command=pass h"]).unwrap()
    else {
        panic!("not a URL")
    };
    assert_eq!((url.as_str(), root), ("x://me@h/f", Some(PathBuf::from("/m"))));
    assert_eq!((ca, pin.as_deref(), password_command.as_deref()), (Some("ca.pem".into()), Some("sha256:ab"), Some("pass h")));
    assert!(matches!(target(&["x://h"]).unwrap(), Target::Url { root: None, .. }));
    assert!(matches!(target(&[]).unwrap(), Target::Named(names) if names.is_empty()));
}

#[test]
fn mixed_forms_are_wrong_usage() {
    for words in [&["work", "x://h"][..], &["x://h", "a", "b"], &["work", "--ca=f"], &["--pin=sha256:ab"], &[""]] {
        assert_eq!(target(words).unwrap_err().class, Class::Usage, "{words:?}");
    }
}

#[test]
fn wrong_values_are_refused() {
    for word in
        ["--jobs=0", "--timeout=0", "--max-duration=0", "--limit=-1", "--since=soon", "--max-size=big", "--pin=x", "--color=blue", "-qv"]
    {
        assert!(Cli::try_parse_from(["mailx", "fetch", word]).is_err(), "{word}");
    }
}
