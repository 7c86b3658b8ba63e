//! The shape of the summary object is a contract: a golden object, key by key and in order.

use std::collections::BTreeSet;
use std::path::Path;
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

/// The words in backticks of docs/json.md.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md")).unwrap();
    let in_ticks = text.split('`').skip(1).step_by(2);
    // `{"id","why"}` names its keys, too.
    let words = in_ticks.flat_map(|words| words.split(['"', ',', '{', '}']).map(str::to_owned).collect::<Vec<_>>());
    words.filter(|word| !word.is_empty()).collect()
}

/// Every key that the source can write: the fields of what is serialised, and the keys of `json!`.
fn written() -> BTreeSet<String> {
    let (mut found, mut dirs) = (BTreeSet::new(), vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli")]);
    while let Some(dir) = dirs.pop() {
        for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split_once("#[cfg(test)]\nmod tests {").map_or(text.as_str(), |(code, _)| code);
            let derived = text.split("#[derive(").skip(1).filter(|rest| rest.lines().next().unwrap().contains("Serialize"));
            for structure in derived.filter_map(|rest| Some(rest.split_once(" {\n")?.1.split_once("\n}")?.0)) {
                assert!(!structure.contains("rename"), "this test does not know renamed fields: {structure}");
                let fields = structure.lines().filter_map(|line| line.trim().trim_start_matches("pub ").split_once(": "));
                found.extend(
                    fields.map(|(name, _)| name.to_owned()).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')),
                );
            }
            for object in text.split("json!(").skip(1).filter_map(|rest| rest.split_once('}')) {
                let keys = object.0.split(": ").filter_map(|part| part.rsplit('"').nth(1).filter(|_| part.ends_with('"')));
                found.extend(keys.map(str::to_owned));
                // The stable word of an event is a contract as well.
                found.extend(object.0.split("\"event\": \"").nth(1).and_then(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }
    found
}

#[test]
fn every_key_that_can_be_written_is_documented() {
    let (written, documented) = (written(), documented());
    for sure in ["listed", "there_bytes", "round_trips", "why", "bytes_per_second", "folder-planned", "word", "fresh", "accounts", "hints"]
    {
        assert!(written.contains(sure), "`{sure}` was not found in the source: this test is blind");
    }
    let missing: Vec<_> = written.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/json.md: {missing:?}");
    for class in Class::ALL {
        assert!(documented.contains(class.word()), "the class {} is not in docs/json.md", class.word());
    }
}
