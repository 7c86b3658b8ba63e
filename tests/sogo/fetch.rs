//! What is fetched is what the server has, to the octet as it gives it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::maildir::{leftovers, sha256};
use crate::support::server::run;
use crate::support::{Server, World};
use crate::{done, here, there};

#[test]
fn a_thousand_messages_come_and_then_two_round_trips_say_that_nothing_is_new() {
    let Some(w) = World::active_sync("thousand") else { return };
    w.server.fill(&w.user, "INBOX", 900, "a");
    w.server.create(&w.user, &["Lists", "Lists/dev", "Entwürfe & mehr"]);
    w.server.fill(&w.user, "Lists/dev", 99, "b");
    w.server.fill(&w.user, "Entwürfe & mehr", 1, "c");
    // SOGo looks at each message three times, and other tests want it, too.
    let out = w.spawn(&["fetch", "--json"]).end(Duration::from_secs(300)).exit(0);
    assert_eq!(out.sum("downloaded"), 1000);
    assert_eq!(here(&w), there(&w));
    assert!(leftovers(&w.root).is_empty());
    // Looking is not reading.
    assert!(w.server.list(&w.user)["INBOX"].iter().all(|letter| letter.flags.is_empty()));
    let again = w.fetch(0, &[]);
    assert_eq!((done(&again), again.account()["round_trips"].as_u64()), (vec![], Some(2)), "{again:?}");
    w.server.fill(&w.user, "Lists/dev", 2, "d");
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 2);
    w.run(&["verify", "--all"]).exit(0);
    assert_eq!(here(&w), there(&w));
}

#[test]
fn odd_mail_and_thirty_megabytes_come_as_the_server_has_them() {
    let Some(w) = World::active_sync("odd") else { return };
    let odd = w.tmp.path().join("odd");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/nasty.py");
    run(Command::new("python3").arg("-B").arg(script).arg(&odd).args(["--big", "30000000"]));
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(&odd).unwrap().flatten() {
        let name = entry.file_name().to_str().unwrap().to_owned();
        if !name.ends_with(".raw.eml") {
            names.insert(entry.path().to_str().unwrap().to_owned(), sha256(&std::fs::read(entry.path()).unwrap()));
        }
    }
    let mut arguments = vec!["INBOX"];
    arguments.extend(names.keys().map(String::as_str));
    w.server.seed(&w.user, &arguments);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), names.len() as u64);
    let wires: Vec<String> = w.mail().into_iter().map(|mail| mail.wire).collect();
    let others: Vec<&str> =
        names.iter().filter(|(_, sum)| !wires.contains(sum)).map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    // What SOGo itself rebuilds before anybody sees it.
    let rebuilt: Vec<&&str> = others.iter().filter(|name| !REBUILT.iter().any(|known| name.contains(known))).collect();
    assert!(rebuilt.is_empty(), "{others:?}");
    assert!(!others.iter().any(|name| name.contains("big") || name.contains("large")), "thirty megabytes, byte for byte");
    assert_eq!(done(&w.fetch(0, &[])), []);
    w.run(&["verify", "--all"]).exit(0);
}

/// Messages of nasty.py that SOGo gives in another form than IMAP: those whose first line is empty, and text parts of one octet a character.
const REBUILT: [&str; 2] = ["no-headers", "latin1"];

#[test]
fn what_sogo_puts_into_the_trash_when_it_should_remove_it_is_not_fetched_again() {
    let Some(w) = World::active_sync("released") else { return };
    w.server.fill(&w.user, "INBOX", 4, "a");
    w.configure_active_sync("after-fetch = \"delete\"\n");
    assert_eq!(done(&w.fetch(0, &[])), [("downloaded", 4), ("deleted_there", 4)]);
    assert!(there(&w).keys().all(|(folder, _)| folder == "Trash") && there(&w).len() == 4);
    assert_eq!(done(&w.fetch(0, &[])), []);
    // Others that go there come, and are removed.
    w.server.fill(&w.user, "Trash", 2, "b");
    assert_eq!(done(&w.fetch(0, &[])), [("downloaded", 2), ("deleted_there", 2)]);
    assert_eq!((w.mail().len(), done(&w.fetch(0, &[]))), (6, vec![]));
    assert_eq!(done(&w.sync(0, &[])), []);
}

#[test]
fn a_wrong_password_is_77_and_makes_nothing() {
    let Some(w) = World::active_sync("password") else { return };
    w.server.fill(&w.user, "INBOX", 3, "a");
    let wrong = [("MAILX_TEST_PASSWORD", "nonsense")];
    let out = w.run_with(&["fetch", "--json"], &wrong).exit(77);
    assert!(!out.stderr.contains("nonsense") && !w.root.exists(), "{out:?}");
    w.fetch(0, &[]);
    let before = w.mail();
    w.run_with(&["sync", "--json"], &wrong).exit(77);
    assert_eq!(w.mail(), before);
    w.fetch(0, &[]);
}

#[test]
fn a_stranger_in_its_place_is_never_told_the_password() {
    let Some(w) = World::active_sync("stranger") else { return };
    for host in ["EXPIRED_HOST", "SELFSIGNED_HOST", "WRONGNAME_HOST"] {
        let url = format!("eas://{}@{}:{}", w.user, w.server.get(host), w.server.get("EAS_PORT"));
        w.configure_active_sync(&format!("receive = \"{url}\"\n"));
        w.fetch(77, &[]).says("no password either");
    }
}

#[test]
fn a_server_that_restarts_in_the_middle_costs_nothing_but_time() {
    let Some(server) = Server::sogo_alone(&[]) else { return };
    // It ends with this process.
    let server: &'static Server = Box::leak(Box::new(server));
    let w = World::active_sync_on(server, "restart");
    w.server.fill(&w.user, "INBOX", 1500, "a");
    let run = w.spawn(&["sync", "--json"]);
    let begun = std::time::Instant::now();
    while w.mail().len() < 200 {
        assert!(begun.elapsed().as_secs() < 60, "nothing comes");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(w.mail().len() < 1500, "the restart comes too late");
    server.sogo_script("restart", &[]);
    let out = run.end(Duration::from_secs(120));
    // Seen through, or given up in good order.
    assert!(matches!(out.code, Some(0 | 1 | 69 | 75)), "{out:?}");
    let held = w.mail().len();
    let rest = w.sync(0, &[]);
    assert_eq!(rest.sum("downloaded") as usize, 1500 - held, "nothing comes twice");
    crate::assert_settled(&w);
    assert!(leftovers(&w.root).is_empty());
}
