-- From schema 1 to 2: what two-way sync needs.
ALTER TABLE folder ADD COLUMN here_mark BLOB;
ALTER TABLE link ADD COLUMN there_flags INTEGER;
ALTER TABLE link ADD COLUMN there_keywords TEXT;
ALTER TABLE link ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN dest INTEGER;
ALTER TABLE link ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
CREATE INDEX link_dirty ON link (folder) WHERE there_flags IS NOT NULL OR gone = 1;
CREATE INDEX link_under_way ON link (folder) WHERE state IN (5, 6);
CREATE INDEX link_dest ON link (dest) WHERE state = 6;
CREATE INDEX link_taken ON link (folder) WHERE taken = 1;
-- Runs of that version told the mark of everything although they had looked for additions only.
UPDATE folder SET mark_all = NULL;
