-- Which customer of FreeScout is which member, and what FreeScout was told last.

CREATE TABLE IF NOT EXISTS freescout_customers (
  id               INTEGER PRIMARY KEY,
  knvb_id          TEXT NOT NULL UNIQUE,
  email            TEXT NOT NULL,      -- trimmed, lower case
  freescout_id     INTEGER,            -- NULL: has no customer yet, or not any more
  data_json        TEXT NOT NULL,      -- the customer that is wanted
  source_hash      TEXT NOT NULL,
  created_at       TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  last_synced_at   TEXT,
  last_synced_hash TEXT
);
CREATE INDEX IF NOT EXISTS customers_by_id ON freescout_customers (freescout_id);

-- The customers of FreeScout that members without an address were, and still are should they have one again.
CREATE TABLE IF NOT EXISTS freescout_left_customers (
  knvb_id      TEXT PRIMARY KEY,
  freescout_id INTEGER NOT NULL
);

-- The customers of FreeScout that we created, so that we may delete them.
CREATE TABLE IF NOT EXISTS freescout_own_customers (
  freescout_id INTEGER PRIMARY KEY
);
