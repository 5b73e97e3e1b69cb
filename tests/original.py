"""The database of the tracker and dashboard that came before, as its columns and CHECKs were documented."""

# `partial` is filled with nothing, or with another outcome: early ones did not know it.
SCHEMA = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, club_slug TEXT NOT NULL DEFAULT 'rondo', pipeline TEXT NOT NULL, started_at TEXT NOT NULL,
  finished_at TEXT, duration_ms INTEGER, outcome TEXT CHECK(outcome IN ('success', 'failure', 'running'{partial})),
  total_created INTEGER DEFAULT 0, total_updated INTEGER DEFAULT 0, total_skipped INTEGER DEFAULT 0,
  total_failed INTEGER DEFAULT 0, summary_json TEXT);
CREATE TABLE run_steps (
  id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id), club_slug TEXT NOT NULL DEFAULT 'rondo',
  step_name TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, duration_ms INTEGER,
  outcome TEXT CHECK(outcome IN ('success', 'failure', 'skipped'{partial})), created_count INTEGER DEFAULT 0,
  updated_count INTEGER DEFAULT 0, skipped_count INTEGER DEFAULT 0, failed_count INTEGER DEFAULT 0, detail_json TEXT);
CREATE TABLE run_errors (
  id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id), run_step_id INTEGER REFERENCES run_steps(id),
  club_slug TEXT NOT NULL DEFAULT 'rondo', step_name TEXT NOT NULL, member_identifier TEXT, error_message TEXT NOT NULL,
  error_stack TEXT, created_at TEXT NOT NULL);
"""
