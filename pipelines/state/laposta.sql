-- What was downloaded from Sportlink last, and what Laposta was told last.

CREATE TABLE IF NOT EXISTS sportlink_runs (
  id           INTEGER PRIMARY KEY,
  created_at   TEXT NOT NULL,
  results_json TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS members (
  id                 INTEGER PRIMARY KEY,
  list_index         INTEGER NOT NULL,   -- 1 to 4
  email              TEXT NOT NULL,      -- trimmed, lower case
  custom_fields_json TEXT NOT NULL,
  source_hash        TEXT NOT NULL,
  created_at         TEXT NOT NULL,
  last_seen_at       TEXT NOT NULL,
  last_synced_at     TEXT,
  last_synced_hash   TEXT,
  list_id            TEXT,               -- the Laposta list that last_synced_hash is about
  UNIQUE (list_index, email)
);
