"""Opening a state file."""

import sqlite3
import stat
from contextlib import closing

import pytest

from pipelines.state import State
from pipelines.state.database import open_database, transaction


def test_nobody_else_can_look_into_the_state(tmp_path):
    folder = tmp_path / "data" / "state"

    with State.open(folder) as state:
        state.laposta.add_download([{"PublicPersonId": "A1"}])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {f"{name}-sync.sqlite{suffix}" for name in ("laposta", "rondo") for suffix in ("", "-wal", "-shm")} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_a_file_is_in_wal_mode_waits_for_others_and_is_on_disk_after_each_statement(tmp_path):
    with closing(open_database(tmp_path / "x.sqlite", schema="laposta.sql")) as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "busy_timeout", "synchronous")]

    assert pragmas == ["wal", 5000, 2]


def test_what_was_written_is_there_when_the_state_is_opened_again(tmp_path):
    with State.open(tmp_path) as state:
        state.laposta.add_download([{"PublicPersonId": "A1"}])

    with State.open(tmp_path) as state:
        assert state.laposta.latest_download() == [{"PublicPersonId": "A1"}]


def test_a_transaction_is_all_or_nothing(tmp_path):
    def fail_half_way():
        with transaction(connection):
            connection.execute("INSERT INTO sportlink_runs (created_at, results_json) VALUES ('', '')")
            connection.execute("no SQL at all")

    with closing(open_database(tmp_path / "x.sqlite", schema="laposta.sql")) as connection:
        with pytest.raises(sqlite3.OperationalError):
            fail_half_way()

        assert (connection.in_transaction, connection.execute("SELECT * FROM sportlink_runs").fetchall()) == (False, [])
