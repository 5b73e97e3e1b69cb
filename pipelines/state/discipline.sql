-- Discipline cases: what Sportlink says of them, and what Rondo Club was told last.

CREATE TABLE IF NOT EXISTS discipline_cases (
  id               INTEGER PRIMARY KEY,
  dossier_id       TEXT NOT NULL UNIQUE,
  source_json      TEXT NOT NULL,            -- the case by Sportlink's names
  rondo_club_id    INTEGER,                  -- NULL: has no post yet, or not any more
  person_id        INTEGER,                  -- the person that the post is about
  season           TEXT,                     -- 2025-2026; NULL until the case has a post
  created_at       TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  left_at          TEXT,                     -- NULL: in the latest download
  dismissed_at     TEXT,                     -- when the club was told that the case is gone
  last_synced_at   TEXT,
  last_synced_hash TEXT
);
