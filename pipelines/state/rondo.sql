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
CREATE INDEX IF NOT EXISTS member_persons ON rondo_club_members (rondo_club_id);

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
CREATE INDEX IF NOT EXISTS parent_persons ON rondo_club_parents (rondo_club_id);

-- Persons of Rondo Club that never were members, parents among them, by their mail address.
CREATE TABLE IF NOT EXISTS rondo_club_strangers (
  rondo_club_id INTEGER PRIMARY KEY,
  email         TEXT NOT NULL            -- trimmed, lower case
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
CREATE INDEX IF NOT EXISTS changes_of_member ON rondo_club_change_detections (knvb_id);
CREATE INDEX IF NOT EXISTS pending_changes ON rondo_club_change_detections (knvb_id) WHERE synced_at IS NULL;

-- Up to which modification in Rondo Club its persons were read. One row.
CREATE TABLE IF NOT EXISTS rondo_club_refresh (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  modified_gmt TEXT NOT NULL
);

-- Teams and commissies: the posts that Rondo Club keeps of them.
CREATE TABLE IF NOT EXISTS rondo_club_posts (
  id               INTEGER PRIMARY KEY,
  kind             TEXT NOT NULL CHECK (kind IN ('team', 'commissie')),
  key              TEXT NOT NULL,            -- a team's id in Sportlink; a commissie's name
  name             TEXT NOT NULL,
  team_code        TEXT NOT NULL DEFAULT '', -- what the records of members call the team; may be another team's too
  data_json        TEXT NOT NULL,            -- the body that is wanted
  source_hash      TEXT NOT NULL,
  rondo_club_id    INTEGER,                  -- NULL: has no post yet, or not any more
  created_at       TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  left_at          TEXT,                     -- NULL: in the latest download
  last_synced_at   TEXT,
  last_synced_hash TEXT,
  UNIQUE (kind, key)
);
CREATE INDEX IF NOT EXISTS posts_by_id ON rondo_club_posts (kind, rondo_club_id);

-- Which of Sportlink's lists named a team last: of a list that is empty, nothing is taken for gone.
CREATE TABLE IF NOT EXISTS sportlink_team_sources (
  sportlink_team_id TEXT PRIMARY KEY,
  source            TEXT NOT NULL
) WITHOUT ROWID;

-- Who is on the roster of a team.
CREATE TABLE IF NOT EXISTS sportlink_team_members (
  sportlink_team_id   TEXT NOT NULL,
  sportlink_person_id TEXT NOT NULL,
  role_description    TEXT NOT NULL,         -- empty: Sportlink names none
  PRIMARY KEY (sportlink_team_id, sportlink_person_id)
) WITHOUT ROWID;

-- Functions in the club and places in committees; a function is a place in the commissie of the whole club.
CREATE TABLE IF NOT EXISTS sportlink_member_functions (
  knvb_id         TEXT NOT NULL,
  commissie_name  TEXT NOT NULL,
  role_name       TEXT NOT NULL,             -- empty: Sportlink names none
  sportlink_id    TEXT NOT NULL,             -- of the committee
  relation_start  TEXT NOT NULL,             -- YYYY-MM-DD; empty: Sportlink does not say
  is_active       INTEGER NOT NULL,
  PRIMARY KEY (knvb_id, commissie_name, role_name)
) WITHOUT ROWID;

-- What the tabs of a member say besides: fields of its person in Rondo Club.
CREATE TABLE IF NOT EXISTS sportlink_member_free_fields (
  knvb_id          TEXT PRIMARY KEY,
  fields_json      TEXT NOT NULL,            -- null: was there once, and is no more
  source_hash      TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  rondo_club_id    INTEGER,                  -- the person that last_synced_hash is about
  last_synced_at   TEXT,
  last_synced_hash TEXT
) WITHOUT ROWID;

-- The rows that we added to the work history of persons. A row made by hand is in none of these.
CREATE TABLE IF NOT EXISTS rondo_club_work_history (
  kind                       TEXT NOT NULL CHECK (kind IN ('team', 'commissie')),
  knvb_id                    TEXT NOT NULL,
  rondo_club_id              INTEGER NOT NULL, -- the person
  post_id                    INTEGER NOT NULL, -- the team or the commissie
  job_title                  TEXT NOT NULL,
  start_date                 TEXT NOT NULL,    -- as we wrote it; empty: was there before us
  rondo_club_work_history_id INTEGER NOT NULL, -- index of the row, when it was last seen
  last_synced_at             TEXT NOT NULL,
  ended_at                   TEXT,             -- NULL: a current row
  PRIMARY KEY (kind, knvb_id, rondo_club_id, post_id, job_title)
) WITHOUT ROWID;
