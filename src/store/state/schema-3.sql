-- From schema 2 to 3: an inode alone does not tell which directory it is.
ALTER TABLE folder ADD COLUMN born INTEGER;
-- A message that came short authorises nothing before it was read once more.
CREATE INDEX link_short ON link (folder) WHERE weak = 2;
