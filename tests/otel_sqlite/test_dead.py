"""The journals of others: what dead processes left, and whether the process of a journal lives."""

import os
import sys
import threading

import pytest

from otel_sqlite import journal as journals
from otel_sqlite.dead import dead_journals, is_gone
from otel_sqlite.journal import Journal, encode
from otel_sqlite.model import RunRecord, SpanRecords
from otel_sqlite.store.locks import is_locked

SAID = SpanRecords(RunRecord(*RunRecord._fields), [], [])


def left_behind(path):
    """Names of the journals whose processes are gone."""
    names = []
    for left in dead_journals(path):
        names.append(left.name)
        left.close()
    return names


def test_one_that_is_held_is_not_dead(path, journal):
    assert left_behind(path) == []


def test_one_that_was_let_go_is_dead_until_it_is_removed(path):
    journal = Journal(path, threading.RLock())
    journal.append(SAID)
    journal.close(remove=False)

    (dead,) = dead_journals(path)
    assert dead.read(0)[:2] == ([SAID], 0)
    assert dead.header == journal.header
    assert left_behind(path) == [dead.name]  # also while somebody reads it: a lock on it would make it look alive
    dead.remove()
    dead.close()
    assert left_behind(path) == []
    assert list(journals.folder(path).iterdir()) == []


def test_one_that_died_before_its_first_record_leaves_no_trace_after_a_while(path):
    folder = journals.folder(path)
    folder.mkdir(parents=True)
    for name in ("young.new", "old.new"):
        (folder / name).touch()
    os.utime(folder / "old.new", (1, 1))
    assert left_behind(path) == []
    assert [file.name for file in folder.iterdir()] == ["young.new"]


def test_a_symbolic_link_is_never_followed(path, tmp_path):
    folder = journals.folder(path)
    folder.mkdir(parents=True)
    (tmp_path / "precious.jsonl").write_bytes(encode(SAID))
    (folder / "link.jsonl").symlink_to(tmp_path / "precious.jsonl")
    assert left_behind(path) == []
    assert (tmp_path / "precious.jsonl").exists()


def test_one_that_its_owner_removed_before_it_could_be_looked_at_is_nobodys(path, monkeypatch):
    """Between opening and looking, its process comes to an end; another makes a journal at the same place."""
    journal = Journal(path, threading.RLock())
    file = journals.folder(path) / journal.name
    journal.close(remove=False)

    def look_too_late(descriptor):
        file.unlink()
        file.touch()
        return is_locked(descriptor)

    monkeypatch.setattr("otel_sqlite.dead.is_locked", look_too_late)
    assert left_behind(path) == []


@pytest.mark.parametrize("name", ["../../../elsewhere.jsonl", "..", "", ".", "1-2-\0.jsonl", "elsewhere"])
def test_a_name_that_is_none_of_a_journal_leads_nowhere(path, journal, tmp_path, name):
    (tmp_path / "elsewhere.jsonl").touch()
    (journals.folder(path) / "elsewhere").touch()
    assert is_gone(path, name)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells by /proc who holds a file")
def test_only_the_process_of_a_number_is_asked_whether_it_holds_a_journal(path, tmp_path):
    """/proc has other folders, too."""
    for pid, is_nobodys in ((str(os.getpid()), False), ("self", True), ("thread-self", True)):
        file = tmp_path / f"1-{pid}-2.jsonl"
        with file.open("w"):
            file.unlink()
            assert is_gone(path, file.name) == is_nobodys


def test_the_sign_of_life_is_the_time_of_the_file(path):
    journal = Journal(path, threading.RLock())
    os.utime(journals.folder(path) / journal.name, ns=(5, 5))
    journal.show_life()
    journal.close(remove=False)
    (dead,) = dead_journals(path)
    assert dead.last_sign_ns > 1_700_000_000 * 10**9
    dead.close()
