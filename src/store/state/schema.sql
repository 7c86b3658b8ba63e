-- One row a folder. `epoch` counts how often its ids became void; `cursor` and the marks are the backend's.
CREATE TABLE folder (
    id             INTEGER PRIMARY KEY,
    remote         BLOB NOT NULL UNIQUE,
    path           TEXT NOT NULL,             -- levels joined by U+001F
    dir            TEXT NOT NULL,
    fold           TEXT NOT NULL UNIQUE,      -- dir in lower case: no two folders may collide on case
    role           TEXT,
    epoch          INTEGER NOT NULL DEFAULT 1,
    dev            INTEGER,                   -- the directory that was made or found here
    ino            INTEGER,
    born           INTEGER,                   -- when it was made, in nanoseconds since 1970, where that is known
    cursor         BLOB,
    mark_additions BLOB,
    mark_all       BLOB,
    here_mark      BLOB                       -- what the directories here looked like when they were last read
) STRICT;

-- One row a message that the server has or had, or, in epoch 0, a file that was here before and was not matched. state: 0 wanted, 1 stored, 2 skipped (wanted, failed before), 3 releasing, 4 released,
-- 5 arriving (here, and on its way there by upload or move: its remote id is a placeholder until a listing or an answer tells it), 6 moving
-- (its file is in another folder already, where row `dest` is arriving).
CREATE TABLE link (
    id         INTEGER PRIMARY KEY,
    folder     INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    remote     TEXT NOT NULL,
    name       TEXT NOT NULL,
    state      INTEGER NOT NULL,
    size       INTEGER,                       -- octets as announced
    date       INTEGER,
    flags      INTEGER NOT NULL,              -- agreed flags
    keywords   TEXT,                          -- agreed keywords, sorted, joined by a space
    permanent  TEXT,
    octets     INTEGER,                       -- octets on the wire as received
    as_sent    INTEGER,                       -- 1: the file has the wire bytes; 0: LF for CRLF
    identity   BLOB,
    wire       BLOB,
    header     BLOB,
    weak       INTEGER NOT NULL DEFAULT 0,    -- 1: matched without its body; 2: it came shorter than announced; authorises no deletion
    stored_at  INTEGER,
    due        INTEGER,                       -- the run in which its age made it due for removal there
    missing    INTEGER NOT NULL DEFAULT 0,    -- consecutive runs that did not find the file; 2: a person said that it was removed on purpose
    moved      INTEGER NOT NULL DEFAULT 0,    -- 1: released by a move to the trash, where it has not been found again yet
    tries      INTEGER NOT NULL DEFAULT 0,
    reason     TEXT,
    there_flags INTEGER,                      -- flags there as last told; NULL: the agreed ones
    there_keywords TEXT,                      -- keywords there as last told, where there_flags is not NULL
    gone       INTEGER NOT NULL DEFAULT 0,    -- 1: a listing told that it is not there any more
    dest       INTEGER,                       -- the row that a moving one becomes
    taken      INTEGER NOT NULL DEFAULT 0,    -- it went there from here, the server said so, and no listing has shown it yet: 1; it was looked for in vain: 2
    UNIQUE (folder, epoch, remote)
) STRICT;
CREATE INDEX link_wanted ON link (folder, id) WHERE state IN (0, 2);
CREATE INDEX link_releasing ON link (folder) WHERE state = 3;
CREATE INDEX link_short ON link (folder) WHERE weak = 2;
CREATE INDEX link_moved ON link (folder) WHERE moved = 1;
CREATE INDEX link_dirty ON link (folder) WHERE there_flags IS NOT NULL OR gone = 1;
CREATE INDEX link_under_way ON link (folder) WHERE state IN (5, 6);
CREATE INDEX link_dest ON link (dest) WHERE state = 6;
CREATE INDEX link_taken ON link (folder) WHERE taken = 1;
CREATE INDEX link_permanent ON link (permanent) WHERE permanent IS NOT NULL AND state = 1;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
