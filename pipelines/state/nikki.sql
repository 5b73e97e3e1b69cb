-- What Nikki said last of the contributions of the members.

CREATE TABLE IF NOT EXISTS nikki_contributions (
  id           INTEGER PRIMARY KEY,
  knvb_id      TEXT NOT NULL,
  year         INTEGER NOT NULL,
  nikki_id     TEXT NOT NULL,
  saldo        REAL NOT NULL,      -- euros
  hoofdsom     REAL,               -- euros; NULL: was never in a report
  status       TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  UNIQUE (knvb_id, year, nikki_id)
);

-- Years that Nikki has no line of any more, while the person in Rondo Club may still show what the member owed.
CREATE TABLE IF NOT EXISTS nikki_settled_years (
  knvb_id TEXT NOT NULL,
  year    INTEGER NOT NULL,
  PRIMARY KEY (knvb_id, year)
) WITHOUT ROWID;
