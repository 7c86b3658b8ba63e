//! Secrets against real sources of trouble: a real gnome-keyring on a private bus, no bus at all, a locked keyring, a provider that
//! never answers. The keyring of the machine that runs the tests is never touched.
//!
//! Each case is a process of its own, because the bus is found through the environment, and because a process that got no answer
//! must also end: the child is this very binary, told what to do by variables (`helper`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "secrets/helper.rs"]
mod helper;
#[path = "secrets/session.rs"]
mod session;

use std::time::Duration;

use session::{Session, bus_installed, keyring_installed};

/// The keyring's deadline is 5 s; a process that waited for it has ended by then.
const PROMPT: Duration = Duration::from_secs(6);

#[test]
fn a_secret_is_stored_read_replaced_and_deleted() {
    if !keyring_installed() {
        return;
    }
    let session = Session::new().with_bus();
    let mut keyring = session.keyring(Some("unlock me"));
    assert!(session.run("get").result.starts_with("auth the keyring has none for this account | store it: mailx account login a |"));
    assert_eq!(session.run("login hunter2").result, "ok");
    assert_eq!(session.run("get").result, "ok hunter2");
    assert_eq!(session.run("login hünter3").result, "ok");
    assert_eq!(session.run("get").result, "ok hünter3");

    // The names are a promise to users of secret-tool.
    let found = session.command("secret-tool").args(["lookup", "service", "mailx", "username", "a"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "hünter3");

    // A keyring that was closed and opened again, as on the next day.
    keyring.stop();
    let _keyring = session.keyring(Some("unlock me"));
    assert_eq!(session.run("get").result, "ok hünter3");
    assert_eq!(session.run("delete").result, "ok true");
    assert_eq!(session.run("delete").result, "ok false");
    assert!(session.run("get").result.starts_with("auth the keyring has none"));
}

#[test]
fn what_the_keyring_lacks_is_asked_for_and_stored_on_request() {
    if !keyring_installed() {
        return;
    }
    let session = Session::new().with_bus();
    let _keyring = session.keyring(Some("unlock me"));
    assert_eq!(session.run("ask-and-forget hunter2").result, "ok hunter2");
    assert!(session.run("get").result.starts_with("auth the keyring has none"));
    assert_eq!(session.run("ask-and-store hunter2").result, "ok hunter2");
    assert_eq!(session.run("get").result, "ok hunter2");
}

#[test]
fn a_locked_keyring_is_an_error_and_not_a_hang() {
    if !keyring_installed() {
        return;
    }
    let session = Session::new().with_bus();
    let mut keyring = session.keyring(Some("unlock me"));
    assert_eq!(session.run("login hunter2").result, "ok");
    keyring.stop();
    let _locked = session.keyring(None);
    for action in ["get", "login hunter3", "delete"] {
        let run = session.run(action);
        assert!(run.result.starts_with("auth the keyring "), "{action}: {}", run.result);
        assert!(run.result.contains("unlock"), "{action}: {}", run.result);
        assert!(run.result.contains("password = { command"), "{action}: {}", run.result);
        assert!(run.took < PROMPT, "{action}: {:?}", run.took);
    }
}

#[test]
fn a_provider_that_never_answers_is_an_error_and_not_a_hang() {
    if !bus_installed() {
        return;
    }
    let session = Session::new().with_bus();
    let _mute = session.mute_provider();
    for action in ["get", "login hunter2", "delete", "ask-and-store hunter2"] {
        let run = session.run(action);
        assert!(run.result.starts_with("auth the keyring has not answered within 5 s"), "{action}: {}", run.result);
        assert!(run.result.contains("password = { command"), "{action}: {}", run.result);
        assert!(run.took < PROMPT && run.took >= Duration::from_secs(5), "{action}: {:?}", run.took);
    }
}

#[test]
fn many_connections_of_an_account_wait_for_a_mute_keyring_only_once() {
    if !bus_installed() {
        return;
    }
    let session = Session::new().with_bus();
    let _mute = session.mute_provider();
    let run = session.run("get-many");
    assert!(run.result.starts_with("auth the keyring has not answered"), "{}", run.result);
    assert!(run.took < PROMPT, "{:?}", run.took);
}

#[test]
fn no_bus_is_an_error_at_once() {
    let session = Session::new();
    for address in [None, Some("unix:path=/nonexistent/bus"), Some("nonsense")] {
        let session = session.at(address);
        for action in ["get", "login hunter2", "delete"] {
            let run = session.run(action);
            assert!(run.result.starts_with("auth there is no keyring to ask: "), "{address:?} {action}: {}", run.result);
            assert!(run.result.contains("password = { command"), "{address:?} {action}: {}", run.result);
            assert!(run.took < Duration::from_secs(2), "{address:?} {action}: {:?}", run.took);
        }
    }
}

#[test]
fn a_secret_that_is_elsewhere_is_not_stored_in_the_keyring() {
    let session = Session::new();
    session.configure("password = { command = \"echo hunter2\" }");
    assert!(session.run("login hunter3").result.starts_with("config its secret comes from a command"));
    assert_eq!(session.run("get").result, "ok hunter2");
}

#[test]
fn variables_and_credentials_come_from_the_environment() {
    let session = Session::new();
    session.configure("password = { env = \"MAILX_TEST_SECRET\" }");
    for (value, result) in [
        ("hunter2", "ok hunter2"),
        ("hunter2\n", "ok hunter2"),
        ("", "auth the environment variable MAILX_TEST_SECRET gave nothing"),
        ("a\nb", "auth the environment variable MAILX_TEST_SECRET has more than one line"),
    ] {
        let run = session.run_with("get", &[("MAILX_TEST_SECRET", value)]);
        assert!(run.result.starts_with(result), "{value:?}: {}", run.result);
    }
    session.configure("password = { credential = \"mail\" }");
    session.secret_file("mail", "hunter2\n");
    let directory = session.home().display().to_string();
    assert_eq!(session.run_with("get", &[("CREDENTIALS_DIRECTORY", &directory)]).result, "ok hunter2");
    assert!(session.run("get").result.starts_with("auth credential mail: CREDENTIALS_DIRECTORY is not set"));
}

#[test]
fn the_url_form_takes_the_password_from_the_environment() {
    let session = Session::new();
    assert_eq!(session.run_with("get-url", &[("MAILX_PASSWORD", "hunter2")]).result, "ok hunter2");
    assert!(session.run("get-url").result.starts_with("auth none is configured, and there is no terminal"));
}

#[test]
fn the_configuration_is_found_through_the_environment() {
    let session = Session::new();
    assert_eq!(session.run("accounts").result, "ok a");
    let empty = session.home().join("empty");
    let empty = empty.display().to_string();
    let run = session.run_with("accounts-found", &[("XDG_CONFIG_HOME", &empty)]);
    assert!(run.result.starts_with("config there is no configuration (looked for "), "{}", run.result);
    session.user_configuration();
    assert_eq!(session.run("accounts-found").result, "ok a");
}

/// Not a test by itself: what the child processes do.
#[test]
fn helper() {
    helper::act();
}
