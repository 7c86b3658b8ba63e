#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::super::tests::environment;
use super::*;

const PLAIN: &str = "[accounts.a]\nreceive = \"imaps://me@h\"\n";
const SECRET: &str = "[accounts.a]\nreceive = \"imaps://me@h\"\npassword = \"hunter2\"\n";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn environment(&self) -> Environment {
        Environment {
            config_dir: Some(self.dir.path().join("user")),
            system_file: self.dir.path().join("etc/config.toml"),
            working_dir: self.dir.path().to_owned(),
            ..environment()
        }
    }

    fn load(&self, explicit: Option<&str>) -> Result<Config> {
        Config::load(explicit.map(Path::new), &self.environment())
    }
}

#[test]
fn the_first_file_that_exists_is_read() {
    let place = Place::new();
    let none = place.load(None).unwrap();
    assert_eq!(none.file, None);
    assert_eq!(none.looked, [place.dir.path().join("user/mailx/config.toml"), place.dir.path().join("etc/config.toml")]);

    let system = place.file("etc/config.toml", PLAIN, 0o644);
    assert_eq!(place.load(None).unwrap().file, Some(system));
    let user = place.file("user/mailx/config.toml", PLAIN, 0o644);
    assert_eq!(place.load(None).unwrap().file, Some(user));
    let other = place.file("other.toml", PLAIN, 0o600);
    assert_eq!(place.load(Some("other.toml")).unwrap().file, Some(other), "relative to the working directory");
}

#[test]
fn a_broken_user_file_does_not_fall_back_to_the_system() {
    let place = Place::new();
    place.file("etc/config.toml", PLAIN, 0o644);
    place.file("user/mailx/config.toml", "x", 0o644);
    assert_eq!(place.load(None).unwrap_err().class, Class::Config);
}

#[test]
fn a_named_file_must_exist_and_be_a_file() {
    let place = Place::new();
    for name in ["missing.toml", ".", "", "missing/dir.toml"] {
        let error = place.load(Some(name)).unwrap_err();
        assert_eq!(error.class, Class::Config, "{name}");
    }
    symlink("nowhere", place.dir.path().join("dangling")).unwrap();
    assert!(place.load(Some("dangling")).unwrap_err().failed.contains("link to nothing"));
    rustix::fs::mknodat(rustix::fs::CWD, place.dir.path().join("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(place.load(Some("fifo")).unwrap_err().failed.contains("not a regular file"), "and does not wait for a writer");
}

#[test]
fn who_else_may_touch_the_file() {
    for (text, mode, says) in [
        (PLAIN, 0o600, None),
        (PLAIN, 0o644, None),
        (PLAIN, 0o444, None),
        (PLAIN, 0o664, Some("others can change it (mode 0664)")),
        (PLAIN, 0o602, Some("others can change it")),
        (SECRET, 0o600, None),
        (SECRET, 0o400, None),
        (SECRET, 0o640, Some("there is a secret in it")),
        (SECRET, 0o604, Some("there is a secret in it")),
        ("[defaults]\npassword = \"hunter2\"\n", 0o644, Some("there is a secret in it")),
        ("[accounts.a]\nreceive = \"imaps://me@h\"\nproxy = \"http://u:p@h:1\"\n", 0o644, Some("there is a secret in it")),
        ("[accounts.a]\npassword = 'hunter2'\nsyntax error", 0o644, Some("there is a secret in it")),
    ] {
        let place = Place::new();
        place.file("c.toml", text, mode);
        match (place.load(Some("c.toml")), says) {
            (Ok(_), None) => {}
            (Err(error), Some(says)) => {
                assert_eq!(error.class, Class::Config);
                assert!(error.failed.contains(says), "{}", error.failed);
                assert!(error.hints.iter().any(|hint| hint.starts_with("chmod 600 ")), "{:?}", error.hints);
                assert!(!format!("{error:?}").contains("hunter2"));
            }
            (other, _) => panic!("{mode:o} {text}: {other:?}"),
        }
    }
}

#[test]
fn a_link_is_judged_by_what_it_leads_to() {
    let place = Place::new();
    place.file("real.toml", SECRET, 0o644);
    symlink("real.toml", place.dir.path().join("c.toml")).unwrap();
    assert!(place.load(Some("c.toml")).is_err());
    place.file("real.toml", SECRET, 0o600);
    assert!(place.load(Some("c.toml")).is_ok());
}

#[test]
fn a_file_of_another_user_is_refused() {
    let place = Place::new();
    place.file("c.toml", PLAIN, 0o644);
    let me = rustix::process::geteuid().as_raw();
    // We cannot give files away without being root; so it is us who are somebody else.
    let stranger = Environment { uid: me + 1, ..place.environment() };
    let refused = |text: &str| {
        place.file("c.toml", text, 0o644);
        Config::load(Some(Path::new("c.toml")), &stranger).is_err()
    };
    assert_eq!(refused(PLAIN), me != 0, "root may own it");
    assert!(refused(SECRET));
}

#[test]
fn bytes_that_are_no_configuration() {
    let place = Place::new();
    let path = place.file("c.toml", "", 0o600);
    fs::write(&path, b"# ok\nx = \"\xff\"\n").unwrap();
    assert!(place.load(Some("c.toml")).unwrap_err().failed.contains("c.toml:2: it is not UTF-8"));
    fs::write(&path, vec![b'#'; FILE_BYTES_MAX as usize + 1]).unwrap();
    assert!(place.load(Some("c.toml")).unwrap_err().failed.contains("larger than 1 MiB"));
    fs::write(&path, format!("\u{feff}{}", PLAIN.replace('\n', "\r\n"))).unwrap();
    assert!(place.load(Some("c.toml")).is_ok(), "byte order mark and CRLF");
}
