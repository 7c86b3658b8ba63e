#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;

fn limits() -> Limits {
    Limits { command: Duration::from_secs(2), answer: Duration::from_secs(2), token: Duration::from_mins(2) }
}

fn secrets(source: Source) -> Secrets {
    Secrets::new("a", source, SecretKind::Password, None).limits(limits())
}

fn shell(line: &str) -> Source {
    Source::Command(Argv::Shell(line.to_owned()))
}

async fn text(source: Source) -> Result<String> {
    secrets(source).secret().await.map(|secret| secret.text.expose_secret().to_owned())
}

#[tokio::test]
async fn the_first_line_of_a_command_is_the_secret() {
    for (line, expected) in [
        ("echo hunter2", "hunter2"),
        ("printf hunter2", "hunter2"),
        ("printf 'hunter2\\r\\nlogin: me\\n'", "hunter2"),
        ("printf ' two words \\n'", " two words "),
        ("echo hunter2; head -c 1000000 /dev/zero", "hunter2"),
        ("head -c 4096 /dev/zero | tr '\\0' x", &"x".repeat(4096)),
        ("echo noise >&2; echo hunter2", "hunter2"),
        ("if read x; then echo open; else echo hunter2; fi", "hunter2"),
        ("echo \"${MAILX_PASSWORD-hunter2}\"", "hunter2"),
        ("echo hunter2; sleep 60 &", "hunter2"),
    ] {
        assert_eq!(text(shell(line)).await.unwrap(), expected, "{line}");
    }
    let argv = Argv::Exec(vec!["printf".to_owned(), "%s".to_owned(), "$HOME; x".to_owned()]);
    assert_eq!(text(Source::Command(argv)).await.unwrap(), "$HOME; x", "without a shell");
}

#[tokio::test]
async fn commands_that_give_no_secret() {
    for (line, says) in [
        ("true", "first line is empty"),
        ("echo; echo hunter2", "first line is empty"),
        ("printf '\\r\\n'", "first line is empty"),
        ("echo hunter2; exit 1", "failed (exit 1)"),
        ("echo hunter2; kill -9 $$", "killed by signal 9"),
        ("echo 'gpg: no\tkey' >&2; exit 2", "it said: \"gpg: no key\""),
        ("head -c 4097 /dev/zero | tr '\\0' x", "more than 4 KiB"),
        ("head -c 1000000 /dev/zero | tr '\\0' x", "more than 4 KiB"),
        ("printf '\\377\\n'", "not UTF-8"),
        ("printf 'a\\0b\\n'", "NUL"),
        ("no-such-program-here", "exit 127: a program was not found"),
    ] {
        let error = text(shell(line)).await.expect_err(line);
        assert_eq!(error.class, Class::Auth, "{line}");
        assert!(error.failed.contains(says), "{line}: {}", error.failed);
        assert!(!format!("{error:?}").contains("hunter2"), "{line}");
    }
    let error = text(Source::Command(Argv::Exec(vec!["/nonexistent/x".to_owned(), "hunter2".to_owned()]))).await.unwrap_err();
    assert!(error.failed.contains("could not be started: /nonexistent/x") && !error.failed.contains("hunter2"));
    let error = text(shell("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1")).await.unwrap_err();
    assert!(error.failed.len() < 800, "what it says is bounded");
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let line = format!("sleep 60 & echo $! > {}; wait", file.display());
    let begun = Instant::now();
    let error = text(shell(&line)).await.unwrap_err();
    assert!(error.failed.contains("it had not ended after 2 s"), "{}", error.failed);
    assert!(begun.elapsed() < Duration::from_secs(4));
    ended(&file).await;
}

#[tokio::test]
async fn a_cancelled_command_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid");
    let line = format!("sleep 60 & echo $! > {}; wait", file.display());
    let running = tokio::time::timeout(Duration::from_millis(500), text(shell(&line))).await;
    assert!(running.is_err());
    ended(&file).await;
}

/// The process whose number is in `file` is gone, or a zombie that nobody here can reap.
async fn ended(file: &Path) {
    let pid = std::fs::read_to_string(file).unwrap();
    for _ in 0..100 {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        if status.is_empty() || status.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("process {pid} lives");
}

#[tokio::test]
async fn files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, octets: &[u8], mode: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, octets).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    for mode in [0o600, 0o400] {
        assert_eq!(text(Source::File(write("good", b"hunter2\nnotes\n", mode))).await.unwrap(), "hunter2");
        std::fs::remove_file(dir.path().join("good")).unwrap();
    }
    let big = write("big", &vec![b'x'; 1_000_000], 0o600);
    let long = write("long", &[b'x'; 4096], 0o600);
    assert_eq!(text(Source::File(long)).await.unwrap().len(), 4096);
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for (path, class, says) in [
        (write("group", b"hunter2", 0o640), Class::Config, "mode 0640"),
        (write("others", b"hunter2", 0o604), Class::Config, "mode 0604"),
        (write("writable", b"hunter2", 0o602), Class::Config, "mode 0602"),
        (write("empty", b"", 0o600), Class::Auth, "first line is empty"),
        (write("blank", b"\nhunter2\n", 0o600), Class::Auth, "first line is empty"),
        (big, Class::Auth, "more than 4 KiB"),
        (dir.path().join("missing"), Class::Auth, "No such file"),
        (dir.path().to_owned(), Class::Config, "not a regular file"),
        (fifo, Class::Config, "not a regular file"),
    ] {
        let error = text(Source::File(path.clone())).await.unwrap_err();
        assert_eq!(error.class, class, "{}", path.display());
        assert!(error.failed.contains(says), "{}", error.failed);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn variables_and_credentials_that_are_not_there() {
    let error = text(Source::Env("MAILX_TEST_NOT_SET".to_owned())).await.unwrap_err();
    assert_eq!(error.class, Class::Auth);
    assert!(error.failed.contains("MAILX_TEST_NOT_SET is not set"));
    assert!(!text(Source::Env("PATH".to_owned())).await.unwrap().is_empty());
    assert_eq!(text(Source::Credential("../x".to_owned())).await.unwrap_err().class, Class::Config);
    assert!(text(Source::Credential("x".to_owned())).await.unwrap_err().failed.contains("CREDENTIALS_DIRECTORY is not set"));
}

/// Answers with `answer`, counts, and notices two questions at a time.
struct Person {
    answer: Option<&'static str>,
    asked: AtomicUsize,
    busy: std::sync::atomic::AtomicBool,
}

impl Person {
    fn new(answer: Option<&'static str>) -> Arc<Self> {
        Arc::new(Self { answer, asked: AtomicUsize::new(0), busy: false.into() })
    }
}

impl Ask for Person {
    fn secret(&self, _: &str) -> Option<SecretString> {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two questions on one terminal");
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        self.busy.store(false, Ordering::SeqCst);
        self.answer.map(SecretString::from)
    }

    fn confirm(&self, _: &str) -> bool {
        false
    }
}

#[tokio::test]
async fn a_person_is_asked_once_for_many_connections() {
    for (answer, good) in [(Some("hunter2"), true), (None, false), (Some(""), false)] {
        let person = Person::new(answer);
        let secrets = Secrets::new("a", Source::Ask, SecretKind::Password, Some(person.clone()));
        let (one, two, three) = tokio::join!(secrets.secret(), secrets.secret(), secrets.secret());
        for result in [one, two, three] {
            assert_eq!(result.is_ok(), good);
            assert!(good || result.unwrap_err().class == Class::Auth);
        }
        assert_eq!(person.asked.load(Ordering::SeqCst), 1);
        // Later is another try: a failure is not for ever, a success is.
        assert_eq!(secrets.secret().await.is_ok(), good);
        assert_eq!(person.asked.load(Ordering::SeqCst), if good { 1 } else { 2 });
    }
}

#[tokio::test]
async fn two_accounts_ask_one_after_the_other() {
    let person = Person::new(Some("hunter2"));
    let one = Secrets::new("a", Source::Ask, SecretKind::Password, Some(person.clone()));
    let two = Secrets::new("b", Source::Ask, SecretKind::Password, Some(person.clone()));
    let (one, two) = tokio::join!(one.secret(), two.secret());
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(person.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn without_a_terminal_it_says_how_to_give_the_secret() {
    let error = text(Source::Ask).await.unwrap_err();
    assert_eq!(error.class, Class::Auth);
    assert!(error.failed.contains("no terminal"));
    assert!(error.hints.iter().any(|hint| hint.contains("MAILX_PASSWORD") && hint.contains("--password-command")));
}

#[tokio::test]
async fn what_was_found_is_kept_until_forgotten_and_a_token_not_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let count = format!("echo x >> {0}; wc -l < {0}", dir.path().join("n").display());
    let ask = |secrets: Arc<Secrets>| async move { secrets.secret().await.unwrap().text.expose_secret().trim().to_owned() };

    let password = Arc::new(secrets(shell(&count)));
    assert_eq!((ask(password.clone()).await, ask(password.clone()).await), ("1".to_owned(), "1".to_owned()));
    password.forget().await;
    assert_eq!(ask(password).await, "2");

    let limits = Limits { token: Duration::ZERO, ..limits() };
    let token = Arc::new(Secrets::new("a", shell(&count), SecretKind::Token, None).limits(limits));
    assert_eq!((ask(token.clone()).await, ask(token).await), ("3".to_owned(), "4".to_owned()));
}

#[tokio::test]
async fn a_refused_token_is_renewed_where_its_source_has_another() {
    let dir = tempfile::tempdir().unwrap();
    let count = format!("echo x >> {0}; wc -l < {0}", dir.path().join("n").display());
    let token = Secrets::new("a", shell(&count), SecretKind::Token, None).limits(Limits { token: Duration::from_mins(1), ..limits() });
    let words = |secret: Option<Secret>| secret.map(|secret| secret.text.expose_secret().trim().to_owned());
    let first = token.secret().await.unwrap();
    assert_eq!(words(token.renewed(&first).await.unwrap()).as_deref(), Some("2"));
    // Another connection that was refused with the old one gets the same, and the source is not asked again.
    assert_eq!(words(token.renewed(&first).await.unwrap()).as_deref(), Some("2"));
    let same = Secrets::new("a", shell("echo always"), SecretKind::Token, None).limits(limits());
    assert!(same.renewed(&same.secret().await.unwrap()).await.unwrap().is_none());
    let password = Secrets::new("a", shell(&count), SecretKind::Password, None).limits(limits());
    let known = password.secret().await.unwrap();
    assert!(password.renewed(&known).await.unwrap().is_none());
    assert_eq!(words(Some(password.secret().await.unwrap())).as_deref(), Some("3"), "a password is never asked for again");
}

#[tokio::test]
async fn a_thread_that_never_ends_does_not_hold_its_asker() {
    let late = thread::within("test", Duration::from_millis(50), || std::thread::sleep(Duration::from_hours(1))).await;
    assert!(matches!(late, Err(thread::NoAnswer::Late)));
    let dead = thread::within("test", Duration::from_secs(5), || panic!("on purpose")).await;
    assert!(matches!(dead, Err::<(), _>(thread::NoAnswer::Failed(_))));
}
