//! The state in SQLite: WAL, `synchronous=FULL`, so that a commit is durable when it returns; one file, `state.db`. Beside it a note of how
//! the last run ended, which is worth no commit.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::model::{Class, Error, Result};

use super::{Found, Opener, Runs as _, State};

/// A file beside the state that makes the next opening read all of it: reading all of it every time would grow with the mailbox.
const SUSPECT: &str = "state.db.suspect";

/// Files that SQLite keeps beside the database, by what their names end in.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Octets below which a file system is full: what SQLite adds to its shared memory at once, and some.
const ROOM: u64 = 64 << 10;

/// How the last run ended: see [`super::note`].
const LAST_RUN: &str = "last-run";

/// Schema that this version writes (`user_version`).
const SCHEMA: i32 = 3;

/// Opens states that are in SQLite.
#[derive(Debug, Clone, Copy)]
pub struct SqliteOpener;

impl Opener for SqliteOpener {
    fn open(&self, dir: &Path, network: bool) -> Result<(Box<dyn State>, Found)> {
        let (state, found) = Sqlite::open(dir, network)?;
        Ok((Box::new(state), found))
    }

    fn open_read_only(&self, dir: &Path) -> Result<Option<Box<dyn State>>> {
        Ok(Sqlite::open_read_only(dir)?.map(|state| Box::new(state) as Box<dyn State>))
    }

    fn rehearse(&self, dir: &Path) -> Result<Box<dyn State>> {
        Ok(Box::new(Sqlite::rehearse(dir)?))
    }

    fn suspect(&self, dir: &Path) {
        let _ = std::fs::File::create(dir.join(SUSPECT));
    }
}

/// A state in SQLite.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    /// The note of the last run; `None` where the state is a copy in memory.
    pub(super) note: Option<PathBuf>,
}

impl State for Sqlite {}

impl Sqlite {
    /// Opens or makes `dir/state.db`. A database that fails its checks is moved aside and a new one made: then everything here is
    /// matched again. A database of a newer mailx is refused and not touched. `network`: WAL does not work there.
    fn open(dir: &Path, network: bool) -> Result<(Self, Found)> {
        let path = dir.join("state.db");
        let existed = std::fs::symlink_metadata(&path).is_ok();
        let suspect = dir.join(SUSPECT);
        if !existed && has_companions(dir) {
            // A run died while it moved a damaged database aside: what is left would be taken for the new one's.
            return Self::begin_anew(dir, &path, network);
        }
        let checked = Self::open_at(&path, network, existed).and_then(|state| {
            if std::fs::symlink_metadata(&suspect).is_ok() {
                state.check_all(&path)?;
                let _ = std::fs::remove_file(&suspect);
            }
            Ok(state)
        });
        match checked {
            Ok(state) => Ok((state, if existed { Found::Good } else { Found::Nothing })),
            Err(error) if error.class == Class::LocalCorrupt => Self::begin_anew(dir, &path, network),
            Err(error) => Err(error),
        }
    }

    /// Moves the damaged database aside and makes a new one.
    fn begin_anew(dir: &Path, path: &Path, network: bool) -> Result<(Self, Found)> {
        let aside = move_aside(dir).map_err(|e| Error::local(format!("move the damaged {} aside", path.display()), &e))?;
        let _ = std::fs::remove_file(dir.join(SUSPECT));
        Ok((Self::open_at(path, network, false)?, Found::Corrupt(aside)))
    }

    fn open_read_only(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("state.db");
        if std::fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let tried = || format!("open {}", path.display());
        // Without a WAL nobody is writing; then SQLite need not make its shared-memory file either.
        let quiet = std::fs::symlink_metadata(dir.join("state.db-wal")).is_err();
        let escaped: String = url::form_urlencoded::byte_serialize(path.as_os_str().as_encoded_bytes()).collect();
        let uri = format!("file:{}{}", escaped.replace("%2F", "/").replace('+', "%20"), if quiet { "?immutable=1" } else { "?mode=ro" });
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let db = Connection::open_with_flags(uri, flags).map_err(|e| explain(tried(), &e))?;
        db.busy_timeout(std::time::Duration::from_secs(10)).map_err(|e| explain(tried(), &e))?;
        let state = Self { db, note: Some(dir.join(LAST_RUN)) };
        state.check_version(&path)?;
        Ok(Some(state))
    }

    fn rehearse(dir: &Path) -> Result<Self> {
        let copy = || -> rusqlite::Result<Connection> {
            let db = Connection::open_in_memory()?;
            db.set_prepared_statement_cache_capacity(32);
            Ok(db)
        };
        let tried = || "rehearse on a copy of the state".to_owned();
        let mut db = copy().map_err(|e| explain(tried(), &e))?;
        match Self::open_read_only(dir) {
            Ok(Some(original)) => {
                let backup = rusqlite::backup::Backup::new(&original.db, &mut db).map_err(|e| explain(tried(), &e))?;
                backup.run_to_completion(1024, std::time::Duration::ZERO, None).map_err(|e| explain(tried(), &e))?;
                drop(backup);
                let mut copy = Self { db, note: None };
                let found = copy.check_version(dir)?;
                copy.bring_up(found, false).map_err(|e| explain(tried(), &e))?;
                copy.note_run(&original.last_run()?)?;
                return Ok(copy);
            }
            // The real run moves a damaged state aside and begins with none.
            Err(error) if error.class != Class::LocalCorrupt => return Err(error),
            _ => db
                .execute_batch(include_str!("schema.sql"))
                .and_then(|()| db.pragma_update(None, "user_version", SCHEMA))
                .map_err(|e| explain(tried(), &e))?,
        }
        Ok(Self { db, note: None })
    }

    fn open_at(path: &Path, network: bool, existed: bool) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let tried = || format!("open {}", path.display());
        if !existed {
            // SQLite would make it with the umask's mode.
            let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            made.map_err(|e| Error::local(format!("make {}", path.display()), &e))?;
            // It is of a state that is no more.
            let _ = std::fs::remove_file(path.with_file_name(LAST_RUN));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(path, flags).map_err(|e| explain(tried(), &e))?;
        let journal = if network { "TRUNCATE" } else { "WAL" };
        // The lock of the root keeps writers apart; the time-out is for a `status` that reads meanwhile.
        let pragmas = format!(
            "PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000; PRAGMA foreign_keys=OFF;
             PRAGMA temp_store=MEMORY; PRAGMA cache_size=-512; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
        );
        db.execute_batch(&pragmas).map_err(|e| explain_at(&db, tried(), &e))?;
        db.set_prepared_statement_cache_capacity(32);
        let mut state = Self { db, note: Some(path.with_file_name(LAST_RUN)) };
        let found = state.check_version(path)?;
        // It stands for one that was damaged, however often making it was broken off: until a run has ended well, nothing is removed
        // anywhere on the strength of it.
        let instead = found == 0 && path.parent().is_some_and(|dir| last_aside(dir).is_ok_and(|aside| aside.is_some()));
        state.bring_up(found, instead).map_err(|e| explain_at(&state.db, tried(), &e))?;
        Ok(state)
    }

    /// Makes the schema, or brings one of an older version up to this one's. `instead`: it stands for a database that was damaged.
    fn bring_up(&mut self, found: i32, instead: bool) -> rusqlite::Result<()> {
        let scripts: &[&str] = match found {
            0 => &[include_str!("schema.sql")],
            1 => &[include_str!("schema-2.sql"), include_str!("schema-3.sql")],
            2 => &[include_str!("schema-3.sql")],
            _ => return Ok(()),
        };
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        scripts.iter().try_for_each(|script| transaction.execute_batch(script))?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        if instead {
            transaction.execute("INSERT INTO meta VALUES ('rebuilt', '1')", [])?;
        }
        transaction.commit()
    }

    /// Reads every page.
    fn check_all(&self, path: &Path) -> Result<()> {
        let tried = || format!("check {}", path.display());
        let verdict: String =
            self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| explain_at(&self.db, tried(), &e))?;
        if verdict == "ok" { Ok(()) } else { Err(Error::new(Class::LocalCorrupt, tried(), verdict)) }
    }

    fn check_version(&self, path: &Path) -> Result<i32> {
        let tried = || format!("open {}", path.display());
        let version: i32 =
            self.db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|e| explain_at(&self.db, tried(), &e))?;
        // `user_version` comes from the first page; the schema tells whether the rest can be one of ours.
        let tables: i64 = self
            .db
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('folder', 'link')", [], |r| r.get(0))
            .map_err(|e| explain_at(&self.db, tried(), &e))?;
        match version {
            0 if tables == 0 => Ok(0),
            known @ 1..=SCHEMA if tables == 2 => Ok(known),
            newer if newer > SCHEMA => {
                Err(Error::new(Class::Config, tried(), format!("a newer mailx wrote it (schema {newer}; this one knows {SCHEMA})"))
                    .hint("run the newer mailx; nothing was touched"))
            }
            _ => Err(Error::new(Class::LocalCorrupt, tried(), "it is no state of mailx")),
        }
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// Runs `work` in one durable transaction.
    pub(super) fn transaction<T>(&mut self, what: &str, work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let run = |db: &mut Connection| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let out = work(&transaction)?;
            transaction.commit()?;
            Ok(out)
        };
        run(&mut self.db).map_err(|e| explain_at(&self.db, what.to_owned(), &e))
    }

    /// Runs a read.
    pub(super) fn read<T>(&self, what: &str, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.db).map_err(|e| explain_at(&self.db, what.to_owned(), &e))
    }
}

/// Whether any companion of a database is there.
fn has_companions(dir: &Path) -> bool {
    COMPANIONS.iter().any(|end| std::fs::symlink_metadata(dir.join(format!("state.db{end}"))).is_ok())
}

/// Moves a damaged database and its companions aside; returns the new name.
///
/// The database goes first, durably: with its WAL gone it could look like a sound, older one. A crash after that leaves companions
/// without a database, which [`Sqlite::open`] knows; called again, this gives them the name that the database has got.
fn move_aside(dir: &Path) -> std::io::Result<String> {
    let sync = || std::fs::File::open(dir)?.sync_all();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut aside = format!("state.db.bad-{now}");
    match std::fs::rename(dir.join("state.db"), dir.join(&aside)) {
        Ok(()) => sync()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => aside = last_aside(dir)?.unwrap_or(aside),
        Err(error) => return Err(error),
    }
    for companion in COMPANIONS {
        match std::fs::rename(dir.join(format!("state.db{companion}")), dir.join(format!("{aside}{companion}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync()?;
    Ok(aside)
}

/// The database that was moved aside last.
fn last_aside(dir: &Path) -> std::io::Result<Option<String>> {
    let mut last: Option<u64> = None;
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        last = last.max(name.to_str().and_then(|name| name.strip_prefix("state.db.bad-")?.parse().ok()));
    }
    Ok(last.map(|at| format!("state.db.bad-{at}")))
}

/// What went wrong with a database that is open. SQLite calls it a full disk only where a write meets it; its shared memory, a sync or a
/// truncation that finds no room is an input-output error to it.
fn explain_at(db: &Connection, tried: String, error: &rusqlite::Error) -> Box<Error> {
    let full = |dir: &Path| rustix::fs::statvfs(dir).is_ok_and(|fs| fs.f_bavail.saturating_mul(fs.f_frsize) < ROOM);
    let dir = db.path().and_then(|path| Path::new(path).parent());
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) && dir.is_some_and(full) {
        return Error::local(tried, &std::io::Error::from(std::io::ErrorKind::StorageFull));
    }
    explain(tried, error)
}

fn explain(tried: String, error: &rusqlite::Error) -> Box<Error> {
    use rusqlite::ErrorCode as C;
    let failed = error.to_string();
    match error.sqlite_error_code() {
        Some(C::DiskFull) => Error::local(tried, &std::io::Error::from(std::io::ErrorKind::StorageFull)),
        Some(C::ReadOnly | C::PermissionDenied) => {
            Error::new(Class::LocalWrite, tried, failed).hint("check the owner and the permissions of the state's directory")
        }
        Some(C::DatabaseCorrupt | C::NotADatabase) => Error::new(Class::LocalCorrupt, tried, failed)
            .safe("no mail is lost: the next run rebuilds the state from the Maildir and the server"),
        Some(C::DatabaseBusy | C::DatabaseLocked) => Error::new(Class::Locked, tried, failed),
        _ => Error::new(Class::LocalIo, tried, failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(dir: &Path, text: &str) {
        let (mut state, _) = Sqlite::open(dir, false).unwrap();
        state.set_meta(&[("mark", Some(text.into()))]).unwrap();
    }

    #[test]
    fn moving_aside_that_was_stopped_at_any_rename_is_ended_by_the_next_opening() {
        // What a crash leaves after so many renames: the database goes first.
        for renamed in 1..=3 {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name);
            marked(dir.path(), "old");
            // A hot WAL, as a killed run leaves it.
            let (state, _) = Sqlite::open(dir.path(), false).unwrap();
            state.db.execute("INSERT INTO meta VALUES ('late', '1')", []).unwrap();
            std::fs::copy(path("state.db-wal"), path("wal")).unwrap();
            std::fs::copy(path("state.db-shm"), path("shm")).unwrap();
            drop(state);
            std::fs::rename(path("state.db"), path("state.db.bad-7")).unwrap();
            std::fs::rename(path("wal"), path(if renamed < 2 { "state.db-wal" } else { "state.db.bad-7-wal" })).unwrap();
            std::fs::rename(path("shm"), path(if renamed < 3 { "state.db-shm" } else { "state.db.bad-7-shm" })).unwrap();

            let (state, found) = Sqlite::open(dir.path(), false).unwrap();
            assert_eq!(found, if renamed < 3 { Found::Corrupt("state.db.bad-7".into()) } else { Found::Nothing });
            assert_eq!((state.meta("mark").unwrap(), state.meta("late").unwrap()), (None, None), "after {renamed} renames");
            assert!(state.is_rebuilt().unwrap(), "after {renamed} renames");
            assert!(path("state.db.bad-7-wal").is_file() && path("state.db.bad-7-shm").is_file());
        }
    }

    #[test]
    fn directories_of_an_older_state_are_known_without_a_time_of_birth() {
        use super::super::Folders as _;
        use crate::model::{FolderId, FolderPath};
        use crate::store::disk::Identity;
        let dir = tempfile::tempdir().unwrap();
        let (mut state, _) = Sqlite::open(dir.path(), false).unwrap();
        state.add_folders(&[(FolderId(b"x".to_vec()), FolderPath::inbox(), None)], &|_, _| "INBOX".into()).unwrap();
        let known = Identity { dev: 1, ino: u64::MAX, born: Some(7) };
        state.set_directories(&[(1, known)]).unwrap();
        state.db.execute_batch("ALTER TABLE folder DROP COLUMN born; DROP INDEX link_short; PRAGMA user_version = 2").unwrap();
        drop(state);
        let (mut state, found) = Sqlite::open(dir.path(), false).unwrap();
        let older = state.directory(1).unwrap().unwrap();
        assert_eq!((found, older), (Found::Good, Identity { born: None, ..known }));
        assert!(older.is(&known) && !known.is(&Identity { born: Some(8), ..known }));
        state.set_directories(&[(1, known)]).unwrap();
        assert_eq!(state.directory(1).unwrap(), Some(known));
    }

    #[test]
    fn a_damaged_database_keeps_its_companions() {
        let dir = tempfile::tempdir().unwrap();
        for end in ["", "-wal", "-journal"] {
            std::fs::write(dir.path().join(format!("state.db{end}")), end).unwrap();
        }
        let aside = move_aside(dir.path()).unwrap();
        for end in ["", "-wal", "-journal"] {
            assert_eq!(std::fs::read_to_string(dir.path().join(format!("{aside}{end}"))).unwrap(), end);
        }
        assert!(!has_companions(dir.path()));
    }
}
