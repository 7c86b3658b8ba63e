//! Hooks: what they are told, and what becomes of those that fail or hang.

use std::time::Duration;

use serde_json::Value;

use crate::{Watch, count, until, world};

#[test]
fn a_hook_is_told_what_changed() {
    let Some(w) = world("hook") else { return };
    let file = |name: &str| w.tmp.path().join(name);
    let hook = format!(
        "cat >> {0}; echo \"$MAILX_ACCOUNT $MAILX_NEW $MAILX_FOLDERS $MAILX_PASSWORD\" >> {1}",
        file("json").display(),
        file("env").display()
    );
    w.configure(&format!("exec = \"echo own >> {}\"", file("own").display()));
    let watch = Watch::start_with(&w, &["--exec", &hook], &[("MAILX_PASSWORD", "geheim")]);
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap_or_default();
    assert_eq!(read("env"), "", "nothing changed");
    w.server.generate(&w.user, "INBOX", 2, "a");
    until("the hook", || !read("env").is_empty());
    watch.settle();
    let env = read("env");
    let new: usize = env.lines().map(|line| line.split(' ').nth(1).unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!((new, env.contains("geheim")), (2, false), "{env}");
    assert!(env.starts_with("test ") && env.contains("INBOX"), "{env}");
    let json: Value = serde_json::from_str(read("json").lines().next().unwrap()).unwrap();
    assert_eq!(json["accounts"][0]["folders"][0]["name"], "INBOX");
    assert!(read("own").starts_with("own"));
    watch.end(0);
}

#[test]
fn a_hook_that_fails_is_told_once_and_a_hook_that_hangs_is_stopped() {
    let Some(w) = world("hang") else { return };
    let pid = w.tmp.path().join("pid");
    let hook = format!("sleep 1000 & echo $! > {}; wait", pid.display());
    let watch = Watch::start(&w, &["--exec", &hook, "--exec-timeout", "1s"]);
    for n in 0..3 {
        w.server.generate(&w.user, "INBOX", 1, &format!("m{n}"));
        let took = until("a message", || count(&w) == n + 1);
        assert!(took < Duration::from_secs(4), "mail does not wait for hooks: {took:?}");
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert_eq!(watch.told("run the hook"), 1, "{}", watch.says());
    let sleeper = std::fs::read_to_string(&pid).unwrap();
    until("the end of what the hook had started", || !std::path::Path::new("/proc").join(sleeper.trim()).exists());
    watch.end(0);
    let watch = Watch::start(&w, &["--exec", &format!("test -e {} || exit 7; rm {0}", pid.display())]);
    std::fs::remove_file(&pid).unwrap();
    for n in 3..5 {
        w.server.generate(&w.user, "INBOX", 1, &format!("m{n}"));
        until("a message", || count(&w) == n + 1);
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(watch.told("exit status: 7"), 1, "{}", watch.says());
    std::fs::write(&pid, "").unwrap();
    w.server.generate(&w.user, "INBOX", 1, "last");
    until("good news", || watch.told("works again") == 1);
    watch.end(0);
}

#[test]
fn what_came_last_has_its_hook_before_the_end() {
    let Some(w) = world("last") else { return };
    let mark = w.tmp.path().join("mark");
    w.server.generate(&w.user, "INBOX", 1, "a");
    w.run(&["watch", "--once", "--exec", &format!("sleep 1; touch {}", mark.display())]).exit(0);
    assert!(mark.exists());
}
