"""The SQLite file of a system."""

import pytest

from pipelines.sandbox.storage import open_storage, transaction


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    storage = open_storage(tmp_path / "a.sqlite", "CREATE TABLE IF NOT EXISTS notes (text TEXT)")
    with transaction(storage):
        storage.execute("INSERT INTO notes VALUES ('kept')")

    with pytest.raises(ZeroDivisionError):
        _fail_halfway(storage)

    assert [row["text"] for row in storage.execute("SELECT text FROM notes")] == ["kept"]
    storage.close()


def _fail_halfway(storage):
    with transaction(storage):
        storage.execute("INSERT INTO notes VALUES ('lost')")
        raise ZeroDivisionError
