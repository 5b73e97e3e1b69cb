-- The dashboard database. The first columns of the three tables, their CHECKs and the first four indexes are those of the tracker
-- and dashboard that came before: both read and write this file unchanged. Everything after the word OURS is nullable or has a
-- default, so that their INSERTs keep working.
-- Timestamps are UTC, exactly YYYY-MM-DDTHH:MM:SS.mmmZ: they are compared as text.

CREATE TABLE IF NOT EXISTS runs (
  id            INTEGER PRIMARY KEY,
  club_slug     TEXT NOT NULL DEFAULT 'rondo',
  pipeline      TEXT NOT NULL,
  started_at    TEXT NOT NULL,
  finished_at   TEXT,
  duration_ms   INTEGER,
  outcome       TEXT CHECK (outcome IN ('success', 'failure', 'running', 'partial')),
  total_created INTEGER DEFAULT 0,
  total_updated INTEGER DEFAULT 0,
  total_skipped INTEGER DEFAULT 0,
  total_failed  INTEGER DEFAULT 0,
  summary_json  TEXT,
  -- OURS
  run_uid       TEXT,     -- the run's identity; row ids are used again after a cleanup
  trace_id      TEXT,
  span_id       TEXT,     -- NULL: made by a step that came before its run
  parent_run_id TEXT,     -- run_uid of the run that started this one
  end_reason    TEXT,     -- ok, exception, exit_code, signal, cancelled, or a label: process_died, host_rebooted, lost_contact
  end_evidence  TEXT,
  host          TEXT,
  pid           INTEGER,
  journal       TEXT,     -- the file whose lock proves the process alive; NULL: not watched
  last_seen_at  TEXT,
  is_inferred   INTEGER NOT NULL DEFAULT 0, -- 1: success for want of anything worse; the steps may make it partial
  recovered     INTEGER   -- how many starts, ends and errors only the journal of a dead process knew; NULL: none
);

CREATE TABLE IF NOT EXISTS run_steps (
  id            INTEGER PRIMARY KEY,
  run_id        INTEGER NOT NULL REFERENCES runs(id),
  club_slug     TEXT NOT NULL DEFAULT 'rondo',
  step_name     TEXT NOT NULL,
  started_at    TEXT NOT NULL,
  finished_at   TEXT,
  duration_ms   INTEGER,
  outcome       TEXT CHECK (outcome IN ('success', 'failure', 'skipped', 'partial')),  -- NULL while open
  created_count INTEGER DEFAULT 0,
  updated_count INTEGER DEFAULT 0,
  skipped_count INTEGER DEFAULT 0,
  failed_count  INTEGER DEFAULT 0,
  detail_json   TEXT,
  -- OURS
  trace_id      TEXT,
  span_id       TEXT,
  end_reason    TEXT,
  skip_reason   TEXT,
  journal       TEXT,
  errors_offered INTEGER  -- item errors that the step was given = its run_errors with event_ns > 0 + its run_drops
);

CREATE TABLE IF NOT EXISTS run_errors (
  id                INTEGER PRIMARY KEY,
  run_id            INTEGER NOT NULL REFERENCES runs(id),
  run_step_id       INTEGER REFERENCES run_steps(id),
  club_slug         TEXT NOT NULL DEFAULT 'rondo',
  step_name         TEXT NOT NULL,
  member_identifier TEXT,
  error_message     TEXT NOT NULL,
  error_stack       TEXT,
  created_at        TEXT NOT NULL,
  -- OURS
  trace_id          TEXT,
  span_id           TEXT,
  event_ns          INTEGER,  -- time of the exception event; 0 for a row that says what was dropped
  nth               INTEGER,  -- its place among the events of that nanosecond
  error_type        TEXT,
  pipeline          TEXT      -- of its run, so that a pipeline's errors need no search; NULL: the run knows
);

-- What had to be dropped, by reason. Counts are absolute, so that saying them again adds nothing.
CREATE TABLE IF NOT EXISTS run_drops (
  id       INTEGER PRIMARY KEY,
  run_id   INTEGER REFERENCES runs(id) ON DELETE CASCADE,
  trace_id TEXT NOT NULL,
  span_id  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  count    INTEGER NOT NULL,
  UNIQUE (trace_id, span_id, reason)
);

CREATE INDEX IF NOT EXISTS idx_runs_club_pipeline ON runs (club_slug, pipeline, started_at);
CREATE INDEX IF NOT EXISTS idx_run_steps_run_id ON run_steps (run_id);
CREATE INDEX IF NOT EXISTS idx_run_errors_run_id ON run_errors (run_id);
CREATE INDEX IF NOT EXISTS idx_run_errors_club_step ON run_errors (club_slug, step_name, created_at);

CREATE UNIQUE INDEX IF NOT EXISTS runs_by_uid ON runs (run_uid);
CREATE INDEX IF NOT EXISTS runs_by_span ON runs (trace_id, span_id);
CREATE INDEX IF NOT EXISTS runs_by_parent ON runs (parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_start ON runs (started_at);
CREATE INDEX IF NOT EXISTS runs_by_outcome ON runs (outcome, started_at);
CREATE INDEX IF NOT EXISTS runs_of_pipelines_by_outcome ON runs (club_slug, pipeline, outcome, started_at);
CREATE INDEX IF NOT EXISTS runs_open ON runs (journal) WHERE outcome = 'running';
CREATE UNIQUE INDEX IF NOT EXISTS run_steps_by_span ON run_steps (trace_id, span_id);
CREATE UNIQUE INDEX IF NOT EXISTS run_errors_by_event ON run_errors (trace_id, span_id, event_ns, nth);
CREATE INDEX IF NOT EXISTS run_errors_of_steps ON run_errors (run_step_id);
CREATE INDEX IF NOT EXISTS run_errors_of_runs ON run_errors (run_id) WHERE run_step_id IS NULL;
CREATE INDEX IF NOT EXISTS run_errors_by_time ON run_errors (created_at);
CREATE INDEX IF NOT EXISTS run_errors_by_item ON run_errors (member_identifier, created_at);
CREATE INDEX IF NOT EXISTS run_errors_by_pipeline ON run_errors (pipeline, created_at);
CREATE INDEX IF NOT EXISTS run_errors_unnamed ON run_errors (run_id) WHERE pipeline IS NULL;
CREATE INDEX IF NOT EXISTS run_drops_of_runs ON run_drops (run_id);
CREATE INDEX IF NOT EXISTS runs_provisional ON runs (run_uid) WHERE span_id IS NULL AND run_uid IS NOT NULL;
CREATE INDEX IF NOT EXISTS run_steps_open ON run_steps (journal) WHERE finished_at IS NULL;
