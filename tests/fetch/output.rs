//! Results for people and programs: JSON, hooks, folders, status, metrics, several accounts.

use serde_json::Value;

use crate::world;

#[test]
fn the_json_summary_has_its_documented_shape() {
    let Some(w) = world("json") else { return };
    w.server.generate(&w.user, "INBOX", 2, "a");
    let account = w.fetch(0, &[]).account();
    assert_eq!((&account["name"], &account["protocol"], &account["ok"]), (&"test".into(), &"imap".into(), &true.into()));
    assert!(account.get("error").is_none() && account.get("plan").is_none());
    for number in ["duration_ms", "bytes_in", "bytes_out", "round_trips"] {
        assert!(account[number].as_u64().unwrap() > 0, "{number}");
    }
    let folder = &account["folders"][0];
    for counter in ["downloaded", "uploaded", "flags_pulled", "flags_pushed", "deleted_here", "deleted_there", "moved"] {
        assert!(folder[counter].is_u64(), "{counter}");
    }
    assert!(folder["unsupported"].is_array() && folder.get("error").is_none());
}

#[test]
fn octets_are_those_that_the_server_counts() {
    let Some(w) = world("octets") else { return };
    w.server.generate(&w.user, "INBOX", 20, "a");
    let account = w.fetch(0, &[]).account();
    // Dovecot logs what the session cost: in= and out= after the login.
    let log = || std::fs::read_to_string(w.server.get("LOG")).unwrap();
    let mut line = None;
    for _ in 0..100 {
        line = log().lines().rfind(|l| l.contains(&format!("imap({})", w.user)) && l.contains(" out=")).map(str::to_owned);
        if line.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let line = line.unwrap();
    let out: u64 = line.rsplit("out=").next().unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    let bytes = account["bytes_in"].as_u64().unwrap();
    assert!(bytes >= out && bytes < out + 3000, "we say {bytes}, the server {out}");
}

#[test]
fn events_are_lines_and_the_summary_is_last() {
    let Some(w) = world("events") else { return };
    w.server.generate(&w.user, "INBOX", 3, "a");
    let out = w.run(&["fetch", "--events"]).exit(0);
    let lines: Vec<Value> = out.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let (summary, events) = lines.split_last().unwrap();
    assert_eq!(summary["accounts"][0]["folders"][0]["downloaded"], 3);
    let delivered: u64 = events.iter().filter(|e| e["event"] == "delivered").map(|e| e["count"].as_u64().unwrap()).sum();
    assert_eq!(delivered, 3);
    assert!(events.iter().all(|e| e["account"] == "test" && e["event"].is_string()));
}

#[test]
fn a_hook_runs_after_a_run_that_changed_something_only() {
    let Some(w) = world("hook") else { return };
    let mark = w.tmp.path().join("mark");
    w.configure(&format!("exec = \"echo $MAILX_ACCOUNT >> {0}; echo seen; echo $MAILX_PASSWORD >> {0}\"", mark.display()));
    w.fetch(0, &[]);
    assert!(!mark.exists(), "nothing changed");
    w.server.generate(&w.user, "INBOX", 1, "a");
    let out = w.run_with(&["fetch", "--json"], &[("MAILX_PASSWORD", "geheim")]).exit(0);
    assert_eq!(out.sum("downloaded"), 1);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "test\n\n", "the account's name, and no secret");
    w.fetch(0, &[]);
    w.fetch(0, &["--dry-run"]);
    assert_eq!(std::fs::read_to_string(&mark).unwrap().lines().count(), 2);
    w.configure("");
    w.server.generate(&w.user, "INBOX", 1, "b");
    let failing = w.run(&["fetch", "--exec", "exit 7"]).exit(1);
    failing.says("exit 7");
    assert_eq!(w.mail().len(), 2, "the mail is stored all the same");
}

#[test]
fn folders_lists_there_and_here() {
    let Some(w) = world("folders") else { return };
    w.server.create(&w.user, &["Größe/x"]);
    w.server.generate(&w.user, "Größe/x", 2, "a");
    w.fetch(0, &[]);
    let out = w.run(&["folders"]).exit(0);
    for name in ["INBOX", "Größe/x", "Junk", "Trash"] {
        assert!(out.stdout.contains(name), "{}", out.stdout);
    }
    let json = w.run(&["folders", "--json"]).exit(0).json();
    let text = json.to_string();
    assert!(text.contains("Größe/x"), "{text}");
    assert_eq!(json["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn status_tells_counts_last_success_and_quota() {
    let Some(w) = world("quota") else { return };
    w.server.generate(&w.user, "INBOX", 4, "a");
    w.run(&["status", "--max-age", "2h"]).exit(1).says("no run has succeeded");
    w.fetch(0, &[]);
    let text = w.run(&["status"]).exit(0).stdout;
    assert!(text.contains("test") && text.contains("just now"), "{text}");
    let bar = text.lines().find(|l| l.contains("storage")).unwrap_or_else(|| panic!("no quota: {text}"));
    assert!(bar.contains("[----") && bar.contains("of 1.1 GB"), "{bar}");
    let json = w.run(&["status", "--json"]).exit(0).json();
    assert_eq!(json["accounts"][0]["name"], "test");
    w.run(&["status", "--max-age", "2h"]).exit(0);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    w.run(&["status", "--max-age", "1s"]).exit(1);
}

#[test]
fn metrics_are_open_metrics_text() {
    let Some(w) = world("metrics") else { return };
    w.server.generate(&w.user, "INBOX", 4, "a");
    let file = w.tmp.path().join("mailx.prom");
    w.fetch(0, &["--metrics", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("mailx_messages_downloaded{account=\"test\"} 4"), "{text}");
    assert!(text.contains("mailx_exit_code{command=\"fetch\"} 0"), "{text}");
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn one_account_that_fails_stops_no_other() {
    let Some(w) = world("several") else { return };
    w.server.generate(&w.user, "INBOX", 2, "a");
    let (bad, other) = (w.tmp.path().join("bad"), w.tmp.path().join("other"));
    let user = format!("{}-other", w.user);
    w.server.generate(&user, "INBOX", 3, "b");
    let config = [w.account("bad", "wrong-user", &bad, ""), w.account("test", &w.user, &w.root, ""), w.account("other", &user, &other, "")];
    w.write_config(&config.concat());
    let out = w.run(&["fetch", "--json"]).exit(1);
    let json = out.json();
    let brief: Vec<(String, bool)> =
        json["accounts"].as_array().unwrap().iter().map(|a| (a["name"].as_str().unwrap().into(), a["ok"].as_bool().unwrap())).collect();
    assert_eq!(brief, [("bad".into(), false), ("test".into(), true), ("other".into(), true)]);
    assert_eq!((out.sum("downloaded"), bad.exists()), (5, false));
    out.says("bad");
    // Named accounts only; all failed alike: that code.
    w.run(&["fetch", "other"]).exit(0);
    w.run(&["fetch", "bad"]).exit(77);
    w.write_config(&[w.account("bad", "wrong-user", &bad, ""), w.account("worse", "wrong-too", &other, "")].concat());
    w.run(&["fetch"]).exit(77);
    w.write_config(
        &[w.account("bad", "wrong-user", &bad, ""), w.account("gone", "x", &other, "receive = \"imaps://x@127.0.0.1:1\"")].concat(),
    );
    w.run(&["fetch"]).exit(1);
    w.run(&["fetch", "nobody"]).exit(64).says("nobody");
}
