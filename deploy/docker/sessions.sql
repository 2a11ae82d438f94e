-- What each store has at its first start: the session table of the application,
-- and the right to the side tables of the level safe.
CREATE TABLE IF NOT EXISTS sessions (
  id varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  data mediumblob NOT NULL,
  expires int unsigned NOT NULL,
  KEY expires (expires)
) ENGINE=InnoDB;
GRANT ALL ON dsm.* TO 'app'@'%';
