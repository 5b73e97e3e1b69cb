-- Who is who in Rondo Club, and what it was told last.

CREATE TABLE IF NOT EXISTS rondo_club_members (
  id                     INTEGER PRIMARY KEY,
  knvb_id                TEXT NOT NULL UNIQUE,
  rondo_club_id          INTEGER,            -- NULL: has no person yet, or not any more
  email                  TEXT,
  data_json              TEXT NOT NULL,      -- the body that is wanted; {} once the member has left
  source_hash            TEXT NOT NULL,
  created_at             TEXT NOT NULL,
  last_seen_at           TEXT NOT NULL,
  left_at                TEXT,               -- NULL: in the latest download
  last_synced_at         TEXT,
  last_synced_hash       TEXT,
  person_image_date      TEXT,
  photo_state            TEXT NOT NULL DEFAULT 'no_photo' CHECK (photo_state IN
                           ('no_photo', 'pending_download', 'downloaded', 'synced', 'pending_delete', 'error')),
  photo_state_updated_at TEXT,
  huidig_vrijwilliger    INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS rondo_club_parents (
  id               INTEGER PRIMARY KEY,
  email            TEXT NOT NULL UNIQUE,     -- trimmed, lower case
  rondo_club_id    INTEGER,
  owns_person      INTEGER NOT NULL DEFAULT 0, -- 1: we created the person, so that we may delete it
  data_json        TEXT NOT NULL,            -- {data, childKnvbIds}
  created_at       TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  last_synced_at   TEXT,
  last_synced_hash TEXT
);

-- What the two systems said last of a contact field, and when it was seen to change there (NULL: it never was).
CREATE TABLE IF NOT EXISTS rondo_club_contact_fields (
  knvb_id                TEXT NOT NULL,
  field_name             TEXT NOT NULL,
  rondo_club_value       TEXT,                -- NULL: not seen yet; empty: there is none
  rondo_club_modified_at TEXT,
  sportlink_value        TEXT,
  sportlink_modified_at  TEXT,
  PRIMARY KEY (knvb_id, field_name)
) WITHOUT ROWID;

-- Contact fields that somebody changed in Rondo Club. One row a change; settled when synced_at is set.
CREATE TABLE IF NOT EXISTS rondo_club_change_detections (
  id                      INTEGER PRIMARY KEY,
  knvb_id                 TEXT NOT NULL,
  field_name              TEXT NOT NULL,
  old_value               TEXT NOT NULL,
  new_value               TEXT NOT NULL,
  detected_at             TEXT NOT NULL,
  rondo_club_modified_gmt TEXT NOT NULL,
  synced_at               TEXT
);
CREATE INDEX IF NOT EXISTS pending_changes ON rondo_club_change_detections (knvb_id) WHERE synced_at IS NULL;

-- Up to which modification in Rondo Club its persons were read. One row.
CREATE TABLE IF NOT EXISTS rondo_club_refresh (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  modified_gmt TEXT NOT NULL
);
