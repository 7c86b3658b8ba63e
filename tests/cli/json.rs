//! The shape of the summary object is a contract: a golden object, key by key and in order.

use std::time::Duration;

use mailx::cli::ui::json;
use mailx::model::report::{AccountReport, FolderReport, PlannedAction};
use mailx::model::{Class, Error, FolderPath, Protocol, RemoteId};

fn account(name: &str) -> AccountReport {
    AccountReport {
        name: name.into(),
        protocol: Protocol::Imap,
        duration: Duration::from_millis(1234),
        bytes_in: 5000,
        bytes_out: 300,
        round_trips: 6,
        folders: Vec::new(),
        plan: None,
        error: None,
    }
}

#[test]
fn the_summary_of_a_run() {
    let mut work = account("work");
    let mut inbox = FolderReport::new(FolderPath::inbox());
    inbox.downloaded = 3;
    inbox.linked = 2;
    inbox.local_only = 1;
    inbox.unsupported = vec!["keywords"];
    inbox.failed = vec![(RemoteId("17".into()), "it said\x1b[2J no".into())];
    let mut old = FolderReport::new(FolderPath::new(["Archive".into(), "2024".into()]).unwrap());
    old.error = Some(Error::new(Class::Protocol, "list messages", "not a number"));
    work.folders = vec![inbox, old];
    let mut home = account("home");
    home.error = Some(Error::new(Class::Auth, "log in as me", "wrong password").hint("mailx account login home"));
    home.plan = Some(vec![
        PlannedAction { action: "download", folder: FolderPath::inbox(), id: Some(RemoteId("5".into())), bytes: Some(99) },
        PlannedAction { action: "create-folder", folder: FolderPath::inbox(), id: None, bytes: None },
    ]);
    let golden = concat!(
        r#"{"accounts":[{"name":"work","protocol":"imap","ok":false,"duration_ms":1234,"bytes_in":5000,"bytes_out":300,"round_trips":6,"#,
        r#""folders":[{"name":"INBOX","downloaded":3,"uploaded":0,"flags_pulled":0,"flags_pushed":0,"deleted_here":0,"deleted_there":0,"#,
        r#""moved":0,"unsupported":["keywords"],"linked":2,"local_only":1,"failed":[{"id":"17","why":"it said\u001b[2J no"}]},"#,
        r#"{"name":"Archive/2024","downloaded":0,"uploaded":0,"flags_pulled":0,"flags_pushed":0,"deleted_here":0,"deleted_there":0,"#,
        r#""moved":0,"unsupported":[],"error":{"class":"protocol","message":"list messages: not a number","exit":76},"linked":0,"#,
        r#""local_only":0,"failed":[]}]},"#,
        r#"{"name":"home","protocol":"imap","ok":false,"error":{"class":"auth","message":"log in as me: wrong password","exit":77,"#,
        r#""hints":["mailx account login home"]},"duration_ms":1234,"bytes_in":5000,"bytes_out":300,"round_trips":6,"folders":[],"#,
        r#""plan":[{"action":"download","folder":"INBOX","id":"5","bytes":99},"#,
        r#"{"action":"create-folder","folder":"INBOX","id":null,"bytes":null}]}]}"#,
        "\n"
    );
    assert_eq!(json::summary(&[work, home]).unwrap(), golden);
}

#[test]
fn a_run_without_accounts_is_an_object_too() {
    assert_eq!(json::summary(&[]).unwrap(), "{\"accounts\":[]}\n");
}
