-- The journal and the audit log. What is written is never changed: triggers refuse it.
CREATE TABLE runs (
  id TEXT PRIMARY KEY NOT NULL,
  runbook TEXT NOT NULL,
  fleet TEXT NOT NULL,
  owner TEXT NOT NULL,
  began INTEGER NOT NULL,
  -- What the plan is made again from: definition, parameters, flags, what was seen (JSON).
  origin TEXT NOT NULL,
  -- The plan as it was shown (JSON), and its hash.
  plan TEXT NOT NULL,
  hash TEXT NOT NULL,
  ended INTEGER,
  -- How it ended (JSON of runbook::engine::End).
  outcome TEXT
) STRICT;
CREATE TABLE records (
  run TEXT NOT NULL REFERENCES runs (id),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  -- JSON of runbook::engine::Record.
  record TEXT NOT NULL,
  -- The entry of the audit log that says the same.
  audit INTEGER NOT NULL REFERENCES audit (seq),
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE commands (
  run TEXT NOT NULL REFERENCES runs (id),
  seq INTEGER NOT NULL,
  step INTEGER NOT NULL,
  back INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  host TEXT NOT NULL,
  began INTEGER NOT NULL,
  took_ms INTEGER NOT NULL,
  -- NULL where no whole answer came.
  exit INTEGER,
  output TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE stalls (
  run TEXT NOT NULL REFERENCES runs (id),
  client TEXT NOT NULL,
  slice TEXT NOT NULL,
  mount_point TEXT NOT NULL,
  -- The longest time without an answer of the mount, and all of them; NULL where it was never seen to answer.
  longest_ms INTEGER,
  answers INTEGER NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (run, client, mount_point)
) STRICT, WITHOUT ROWID;
CREATE TABLE orders (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL REFERENCES runs (id),
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  -- SHA-256 over the hash before it and the row.
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER records_stand BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_stands BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE INDEX runs_open ON runs (began) WHERE outcome IS NULL;
PRAGMA user_version = 1;
