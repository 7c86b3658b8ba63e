#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use super::super::tests::environment;
use super::*;
use crate::model::Protocol;

fn form(url: &str) -> UrlForm {
    UrlForm { url: url.to_owned(), ..UrlForm::default() }
}

#[test]
fn a_url_makes_an_account() {
    let account = Account::from_url(&form("imaps://me@imap.example.org/Lists"), &environment()).unwrap();
    assert_eq!(account.name, "me@imap.example.org");
    assert_eq!(account.receive.as_ref().unwrap().protocol, Protocol::Imap);
    assert_eq!(account.folders, ["Lists"]);
    assert_eq!(account.password, SecretSource::Ask);
    assert_eq!(account.maildir, Path::new("/home/me/.local/share/mailx/me@imap.example.org"));
    assert_eq!(account.after_fetch, AfterFetch::Keep);
}

#[test]
fn options_go_into_it() {
    let pin = format!("sha256:{}", "ab".repeat(32));
    let form = UrlForm {
        url: "pop3s://me%40x.org@h".to_owned(),
        root: Some("Mail/me".into()),
        password_command: Some("pass x".to_owned()),
        ca: Some("ca.pem".into()),
        pin: Some(pin),
    };
    let account = Account::from_url(&form, &environment()).unwrap();
    assert_eq!(account.name, "me@x.org@h");
    assert_eq!(account.address.as_deref(), Some("me@x.org"));
    assert_eq!(account.maildir, Path::new("/home/here/Mail/me"));
    assert_eq!(account.password, SecretSource::Command(Argv::Shell("pass x".to_owned())));
    assert_eq!(account.tls.ca.as_deref(), Some(Path::new("/home/here/ca.pem")));
    assert_eq!(account.tls.pin, Some([0xab; 32]));
}

#[test]
fn mistakes_are_usage_and_repeat_no_password() {
    let with = |change: fn(&mut UrlForm)| {
        let mut form = form("imaps://me@h");
        change(&mut form);
        form
    };
    for wrong in [
        form("imaps://h"),
        form("smtps://me@h"),
        form("imaps://me:hunter2@h"),
        form("nonsense"),
        with(|form| form.pin = Some("sha256:00".to_owned())),
        with(|form| form.password_command = Some(" ".to_owned())),
        with(|form| form.root = Some("~other/x".into())),
    ] {
        let error = Account::from_url(&wrong, &environment()).unwrap_err();
        assert_eq!(error.class, Class::Usage, "{wrong:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn a_name_is_one_directory() {
    for (name, expected) in [("me@h", "me@h"), ("a/b@h", "a%2Fb@h"), ("..@h", "%2E.@h"), ("a%2Fb@h", "a%252Fb@h"), ("ü@h", "%C3%BC@h")] {
        assert_eq!(directory(name), expected);
    }
}
