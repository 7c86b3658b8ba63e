//! --dry-run, --limit, --since, --max-size, --max-duration: what they leave out is never gone.

use crate::support::{World, snapshot};
use crate::world;

fn three(prefix: &str) -> Option<World> {
    let w = world(prefix)?;
    w.server.append(&w.user, "INBOX", b"Subject: old\r\n\r\nx\r\n", "", 1_400_000_000);
    w.server.append(&w.user, "INBOX", &[b"Subject: large\r\n\r\n".as_slice(), &b"y".repeat(30_000), b"\r\n"].concat(), "", 1_700_000_000);
    w.server.append(&w.user, "INBOX", b"Subject: new\r\n\r\nx\r\n", "", 1_700_000_000);
    Some(w)
}

/// What is left out comes when the limit is lifted, and makes no exit 1.
fn left_out_and_lifted(prefix: &str, limit: &[&str], first: u64) {
    let Some(w) = three(prefix) else { return };
    assert_eq!(w.fetch(0, limit).sum("downloaded"), first, "{limit:?}");
    assert_eq!(w.mail().len() as u64, first);
    assert_eq!(w.fetch(0, &[]).sum("downloaded"), 3 - first, "lifted {limit:?}");
    w.assert_same_as_server();
}

#[test]
fn limit_leaves_out_and_is_lifted() {
    left_out_and_lifted("limit", &["--limit", "1"], 1);
}

#[test]
fn a_limit_of_nothing_downloads_nothing() {
    left_out_and_lifted("limit0", &["--limit", "0"], 0);
}

#[test]
fn since_leaves_out_and_is_lifted() {
    left_out_and_lifted("since", &["--since", "2020-01-01"], 2);
}

#[test]
fn max_size_leaves_out_and_is_lifted() {
    left_out_and_lifted("size", &["--max-size", "20k"], 2);
}

#[test]
fn all_limits_at_once() {
    left_out_and_lifted("all", &["--max-size", "20k", "--since", "2020-01-01", "--limit", "5"], 1);
}

#[test]
fn a_limit_goes_on_from_run_to_run() {
    let Some(w) = world("steps") else { return };
    w.server.create(&w.user, &["Other"]);
    w.server.fill(&w.user, "INBOX", 5, "a");
    w.server.fill(&w.user, "Other", 4, "b");
    let counts: Vec<u64> = (0..6).map(|_| w.fetch(0, &["--limit", "2"]).sum("downloaded")).collect();
    assert_eq!(counts, [2, 2, 2, 2, 1, 0]);
    w.assert_same_as_server();
}

#[test]
fn what_limits_leave_out_is_never_deleted_there() {
    let Some(w) = three("kept") else { return };
    w.configure("after-fetch = \"delete\"");
    w.fetch(0, &["--max-size", "20k", "--since", "2020-01-01"]);
    assert_eq!(w.server.list(&w.user)["INBOX"].len(), 2);
    w.fetch(0, &[]);
    assert_eq!((w.server.list(&w.user)["INBOX"].len(), w.mail().len()), (0, 3));
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_the_real_run_does() {
    let Some(w) = three("dry") else { return };
    w.configure("after-fetch = \"delete\"");
    let listing = w.server.list(&w.user);
    for known in [false, true] {
        let before = snapshot(w.tmp.path());
        let dry = w.fetch(0, &["--dry-run", "--max-size", "20k"]);
        let mut after = snapshot(w.tmp.path());
        assert_eq!(after.len(), before.len());
        after.retain(|path, what| before.get(path) != Some(what));
        assert!(after.is_empty(), "the dry run touched {after:?}");
        assert_eq!(w.server.list(&w.user), listing, "nor is anything changed there");
        let plan = dry.account()["plan"].as_array().unwrap().clone();
        let ids = |action: &str| -> Vec<String> {
            plan.iter().filter(|a| a["action"] == action).map(|a| a["id"].as_str().unwrap().to_owned()).collect()
        };
        if known {
            assert_eq!((ids("download").len(), ids("delete-there").len()), (0, 2));
        } else {
            assert_eq!(ids("download"), ["1", "3"]);
            assert_eq!(ids("delete-there"), ["1", "3"]);
            let bytes: Vec<u64> = plan.iter().filter(|a| a["action"] == "download").map(|a| a["bytes"].as_u64().unwrap()).collect();
            assert_eq!(bytes, [listing["INBOX"][0].size, listing["INBOX"][2].size]);
            // Known next time, but still there.
            w.configure("");
            assert_eq!(w.fetch(0, &["--max-size", "20k"]).sum("downloaded"), 2);
            w.configure("after-fetch = \"delete\"");
        }
    }
    let real = w.fetch(0, &["--max-size", "20k"]);
    assert_eq!((real.sum("downloaded"), real.sum("deleted_there")), (0, 2));
}

#[test]
fn a_dry_run_over_a_renumbering_and_a_foreign_maildir_is_a_rehearsal_too() {
    let Some(w) = world("dryer") else { return };
    w.server.generate(&w.user, "INBOX", 6, "a");
    w.fetch(0, &[]);
    w.server.renumber(&w.user, "INBOX", 31337);
    w.server.generate(&w.user, "INBOX", 1, "b");
    for lost in [false, true] {
        if lost {
            std::fs::remove_dir_all(w.root.join(".mailx")).unwrap();
        }
        let before = snapshot(&w.root);
        let plan = w.fetch(0, &["--dry-run"]).account()["plan"].as_array().unwrap().clone();
        assert_eq!(plan.iter().filter(|a| a["action"] == "download").count(), 1, "{plan:?}");
        assert_eq!(snapshot(&w.root), before);
    }
    let text = w.run(&["fetch", "--dry-run"]).exit(0);
    assert!(text.stdout.contains("INBOX") && text.stdout.contains("download 1 message"), "{text:?}");
}

#[test]
fn a_run_ends_in_good_order_when_its_time_is_over() {
    let Some(w) = world("time") else { return };
    // A server that takes the connection and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let receive = format!("receive = \"imaps://me@127.0.0.1:{}\"", mute.local_addr().unwrap().port());
    w.configure(&receive);
    let begun = std::time::Instant::now();
    let out = w.fetch(75, &["--max-duration", "1s"]);
    assert_eq!(out.account()["error"]["exit"], 75);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    w.configure("");
    w.server.fill(&w.user, "INBOX", 4000, "a");
    let mut runs = 0;
    while w.run(&["fetch", "--max-duration", "1s"]).code == Some(75) {
        runs += 1;
        assert!(runs < 60);
    }
    w.assert_same_as_server();
}

#[test]
fn a_signal_ends_a_run_in_good_order() {
    let Some(w) = world("signal") else { return };
    w.server.fill(&w.user, "INBOX", 4000, "a");
    for name in ["TERM", "INT"] {
        let run = w.spawn(&["fetch"]);
        std::thread::sleep(std::time::Duration::from_millis(250));
        run.signal(name);
        let out = run.end(std::time::Duration::from_secs(10));
        assert!(out.code == Some(0) || out.code == Some(75) || out.signal.is_some() || out.code > Some(128), "{out:?}");
    }
    w.fetch(0, &[]);
    w.assert_same_as_server();
}
