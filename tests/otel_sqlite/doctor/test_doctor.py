"""Each condition has a line of its own, with what to do about it; looking changes nothing."""

import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from otel_sqlite import journal as journals
from otel_sqlite import run
from otel_sqlite.doctor import Finding, Level, content, examine, place, surroundings
from otel_sqlite.journal import Journal
from otel_sqlite.store import adopt
from otel_sqlite.store.connection import sidecar

NOBODY = 65_534
NOW = "2026-02-08T10:00:00.000Z"
NOW_NS = 1_770_544_800 * 10**9
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


@pytest.fixture
def made(path):
    """A healthy database."""
    with closing(adopt.dashboard(path)) as database, database.transaction(5):
        pass
    return path


@pytest.fixture
def write(made):
    def execute(sql, *values):
        with closing(adopt.dashboard(made)) as database, database.transaction(5) as writing:
            writing.execute(sql, values)

    return execute


@pytest.fixture
def found(path):
    """The findings other than ok, by condition; SQLite's own version is left out."""

    def look(*, is_full=False):
        findings = examine(path, is_full=is_full, now_ns=NOW_NS)
        troubles = [f for f in findings if f.level is not Level.OK and f.condition != "sqlite-version"]
        return {finding.condition: finding for finding in troubles}

    return look


@contextmanager
def process(source, *arguments):
    """A process that has said that it is ready; killed at the end."""
    started = subprocess.Popen([sys.executable, "-c", source, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def test_of_a_healthy_database_every_line_is_ok(made):
    levels = {f.condition: f.level for f in examine(made, is_full=True, now_ns=NOW_NS) if f.condition != "sqlite-version"}
    assert set(levels.values()) == {Level.OK}
    assert len(levels) > 15


def test_looking_changes_nothing(made, tracked, in_child):
    Journal(made, _NoLock()).close(remove=False)
    before = {file: file.read_bytes() for file in made.parent.rglob("*") if file.is_file()}
    examine(made, is_full=True, now_ns=NOW_NS)
    assert {file: file.read_bytes() for file in made.parent.rglob("*") if file.is_file()} == before


class _NoLock:
    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        return None


def test_a_database_that_does_not_exist_yet_is_no_problem(path, found):
    assert found() == {
        "no-database": Finding(
            condition="no-database",
            level=Level.NOTE,
            facts=f"there is no {path} yet",
            remedy=f"otel-sqlite init --path {path} (or run a pipeline)",
        )
    }
    assert not path.parent.exists()


def test_what_is_no_file_is_a_problem(path, found):
    path.mkdir(parents=True)
    assert found()["not-a-file"].level is Level.PROBLEM


@pytest.mark.parametrize("name", ["x" * 300, "file/dashboard.sqlite"])
def test_a_place_where_no_file_can_be_is_one_problem(tmp_path, name):
    (tmp_path / "file").touch()
    findings = examine(tmp_path / name, is_full=False, now_ns=NOW_NS)
    assert [finding.condition for finding in findings if finding.level is Level.PROBLEM] == ["impossible-path"]


@pytest.mark.parametrize("is_full", [False, True])
def test_a_damaged_database_is_to_be_repaired(made, found, is_full):
    with made.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)
    damaged = found(is_full=is_full)["damaged"]
    assert damaged.level is Level.PROBLEM
    assert damaged.remedy == f"otel-sqlite doctor --repair --path {made}"


def test_what_is_no_database_is_damaged(made, found):
    made.write_bytes(b"a letter " * 1000)
    assert found().keys() == {"damaged"}


@pytest.mark.parametrize(
    ("sql", "condition"), [("CREATE TABLE customers (id)", "foreign-database"), ("PRAGMA user_version = 7", "foreign-database")]
)
def test_a_database_of_somebody_else_is_named(path, found, sql, condition):
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute(sql)
    assert found().keys() == {condition}


def test_a_newer_version_is_named(made, found):
    with closing(sqlite3.connect(made)) as newer:
        newer.execute("PRAGMA user_version = 7")
    assert found()["newer-version"].remedy == "pip install --upgrade otel-sqlite"


def test_an_older_version_is_no_problem(made, found):
    with closing(sqlite3.connect(made)) as older:
        older.execute("PRAGMA user_version = 0")
    assert found()["older-version"].level is Level.NOTE


def test_an_empty_file_is_said_to_be_empty(path, found):
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    assert found() == {
        "empty": Finding(
            condition="empty",
            level=Level.NOTE,
            facts="it is empty: nothing is recorded in it",
            remedy=f"otel-sqlite init --path {path} (or run a pipeline)",
        )
    }


@AS_ROOT
def test_a_file_that_this_user_may_not_write_is_a_problem(in_child):
    with tempfile.TemporaryDirectory() as folder:  # those of pytest can be entered by root alone
        path = Path(folder) / "dashboard.sqlite"
        with closing(adopt.dashboard(path)) as database, database.transaction(5):
            pass
        for file in (path.parent, *path.parent.rglob("*")):
            os.chown(file, NOBODY, NOBODY)
        path.chmod(0o400)
        findings = in_child(lambda: [*map(str, examine(path, is_full=False, now_ns=NOW_NS))], user=NOBODY)
    assert f"chmod u+w {path}" in findings


@AS_ROOT
def test_a_file_that_an_attribute_keeps_from_being_written_is_told_from_one_whose_mode_does(made, found):
    if subprocess.run(["chattr", "+i", made], check=False, capture_output=True).returncode:
        pytest.skip("the file system of the tests knows no attributes of files")
    try:
        assert found()["read-only"].remedy == f"sudo chattr -i {made}"
    finally:
        subprocess.run(["chattr", "-i", made], check=True)


@AS_ROOT
def test_who_does_not_own_a_file_is_not_told_to_change_its_mode(in_child):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dashboard.sqlite"
        path.touch(mode=0o644)
        path.parent.chmod(0o755)
        findings = in_child(lambda: [*map(str, examine(path, is_full=False, now_ns=NOW_NS))], user=NOBODY)
    assert not [finding for finding in findings if "chmod u+w" in finding]


@AS_ROOT
def test_a_folder_that_is_closed_to_this_user_is_one_problem(in_child):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "closed" / "data" / "dashboard.sqlite"
        path.parent.mkdir(parents=True)
        path.parent.parent.chmod(0o700)
        findings = in_child(lambda: [f.remedy for f in examine(path, is_full=False, now_ns=NOW_NS) if f.remedy], user=NOBODY)
    assert findings == f"['sudo -u root otel-sqlite doctor --path {path}']"


@pytest.mark.parametrize("kind", ["text", "folder", "pipe"])
def test_what_was_never_ours_is_neither_to_be_repaired_nor_closed_to_others(path, found, kind):
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir(mode=0o755)
        assert found().keys() == {"not-a-file"}
    elif kind == "pipe":
        os.mkfifo(path, 0o644)
        assert found().keys() == {"not-a-file"}
    else:
        path.write_text("a letter\n")
        path.chmod(0o644)
        assert found().keys() == {"foreign-database"}


@AS_ROOT
def test_another_user_is_told_to_come_as_the_right_one_and_nothing_is_opened(made, found):
    os.chown(made, NOBODY, NOBODY)
    findings = found()
    assert findings["wrong-user"].remedy == f"sudo -u nobody otel-sqlite doctor --path {made}"
    assert not made.with_name(f"{made.name}-shm").exists()


@AS_ROOT
def test_a_file_of_another_user_beside_it_is_a_problem(made, found):
    shm = made.with_name(f"{made.name}-shm")
    shm.touch(mode=0o600)
    os.chown(shm, NOBODY, NOBODY)
    assert found()["wrong-owner"].remedy == f"sudo chown root {shm}"


def test_files_that_others_can_read_are_named(made, found):
    made.chmod(0o644)
    journals.folder(made).mkdir(exist_ok=True)
    journals.folder(made).chmod(0o755)
    remedies = [f.remedy for f in examine(made, is_full=False, now_ns=NOW_NS) if f.condition == "wrong-mode"]
    assert remedies == [f"chmod 600 {made}", f"chmod 700 {journals.folder(made)}"]


def test_little_space_is_a_problem_and_nothing_is_opened(made, found, monkeypatch):
    monkeypatch.setattr(place, "MIN_FREE_BYTES", 2**63)
    assert found().keys() == {"little-space"}


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_file_system_is_a_problem(made, found, tmp_path, monkeypatch, kind):
    mounts = tmp_path / "mountinfo"
    folder = str(made.parent).replace(" ", "\\040")
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / {folder} rw shared:1 - {kind} server:/club rw\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    assert kind in found()["network-file-system"].facts


def test_without_a_list_of_mounts_the_file_system_is_not_judged(made, found, tmp_path, monkeypatch):
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "missing")
    assert found() == {}


HOLDER = """
import fcntl, os, sys, time
held = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(held, fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(60)
"""


def test_a_stopped_process_that_holds_the_mutex_is_named(made, found, monkeypatch):
    monkeypatch.setattr(content, "_PATIENCE_S", 0.05)
    with process(HOLDER, sidecar(made) / "mutex") as holder:
        holder.send_signal(signal.SIGSTOP)
        os.waitpid(holder.pid, os.WUNTRACED)
        waits = found()["writers-wait"]
    assert f"process {holder.pid} (python" in waits.facts
    assert ", stopped) keeps all writers waiting (mutex)" in waits.facts
    assert waits.remedy == f"kill -CONT {holder.pid} (or end it: kill {holder.pid})"


def test_a_process_that_holds_the_mutex_for_long_is_named(made, found, monkeypatch):
    monkeypatch.setattr(content, "_PATIENCE_S", 0.05)
    with process(HOLDER, sidecar(made) / "queue") as holder:
        assert found()["writers-wait"].remedy == f"wait, or end it: kill {holder.pid}"


STRANGER = """
import sqlite3, sys, time
stranger = sqlite3.connect(sys.argv[1], isolation_level=None)
stranger.execute(sys.argv[2])
stranger.execute("SELECT COUNT(*) FROM runs").fetchall()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_stranger_who_holds_the_database_is_named(made, found, monkeypatch, begin):
    monkeypatch.setattr(content, "_PATIENCE_S", 0.05)
    with process(STRANGER, made, begin) as stranger:
        locked = found()["locked"]
    assert locked.facts.startswith(f"process {stranger.pid} (python")
    assert locked.remedy == f"wait, or end it: kill {stranger.pid}"


def test_who_keeps_the_log_from_being_emptied_is_named(made, found, write, monkeypatch):
    monkeypatch.setattr(content, "_LARGE_WAL", 1)
    with process(STRANGER, made, "BEGIN") as reader:
        write("INSERT INTO runs (pipeline, started_at, outcome, run_uid) VALUES ('people', ?, 'success', 'r')", NOW)
        large = found()["large-wal"]
    assert large.facts.startswith(f"process {reader.pid} (python")


def test_where_the_system_does_not_say_who_holds_a_lock_a_command_does(made, found, tmp_path, monkeypatch):
    monkeypatch.setattr(content, "_PATIENCE_S", 0.05)
    monkeypatch.setattr("otel_sqlite.doctor.holders._LOCKS", tmp_path / "missing")
    with process(STRANGER, made, "BEGIN IMMEDIATE"), process(HOLDER, sidecar(made) / "queue"):
        findings = found()
    assert findings["locked"].remedy == f"fuser -v {made}"
    assert findings["writers-wait"].remedy == f"fuser -v {sidecar(made) / 'queue'}"


def test_journals_of_dead_processes_are_waiting(made, found):
    Journal(made, _NoLock()).close(remove=False)
    assert found()["journals-waiting"].remedy == f"otel-sqlite recover --path {made}"


def test_a_journal_of_a_live_process_is_not_waiting(made, found):
    journal = Journal(made, _NoLock())
    try:
        assert found() == {}
    finally:
        journal.close(remove=True)


def test_journals_that_are_never_applied_are_named(made, found, tmp_path):
    folder = journals.folder(made)
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "a.jsonl").symlink_to(tmp_path / "elsewhere")
    (folder / "b.jsonl").mkdir()
    odd = [f for f in examine(made, is_full=False, now_ns=NOW_NS) if f.condition == "odd-journal"]
    assert [f.facts for f in odd] == [
        f"{folder / 'a.jsonl'} is a symbolic link: it is never applied",
        f"{folder / 'b.jsonl'} is not a file: it is never applied",
    ]


@pytest.mark.parametrize(
    ("reason", "level"), [("unwritten_line", Level.PROBLEM), ("refused_record", Level.PROBLEM), ("item_error_limit", Level.NOTE)]
)
def test_what_was_dropped_lately_is_said(write, found, reason, level):
    write("INSERT INTO run_drops (trace_id, span_id, reason, count) VALUES ('t', 's', ?, 3)", reason)
    dropped = found()["dropped"]
    assert (dropped.level, dropped.facts) == (level, f"3 in the last 7 days: {reason}")


def test_what_was_dropped_long_ago_is_not_said(write, found):
    write("INSERT INTO runs (id, pipeline, started_at, outcome, run_uid) VALUES (1, 'p', '2026-01-01', 'success', 'r')")
    write("INSERT INTO run_drops (run_id, trace_id, span_id, reason, count) VALUES (1, 't', 's', 'refused_record', 3)")
    assert found() == {}


def test_item_errors_that_are_neither_stored_nor_dropped_are_counted(write, found, path):
    write("INSERT INTO runs (id, pipeline, started_at, outcome, run_uid) VALUES (1, 'p', ?, 'success', 'r')", NOW)
    write("INSERT INTO run_steps (run_id, step_name, started_at, errors_offered) VALUES (1, 's', ?, 5)", NOW)
    counts = "of 5 item errors of the last 7 days 0 are stored, 0 dropped, 5 neither: "
    counts += "deleted since (by prune, forget or a repair), or "
    deleted = Finding(condition="missing", level=Level.NOTE, facts=f"{counts}on their way")
    assert found() == {"missing": deleted}

    Journal(path, _NoLock()).close(remove=False)

    waiting = found()["missing"]
    assert waiting.facts == f"{counts}still in a journal"
    assert waiting.remedy == f"otel-sqlite recover --path {path}"


def test_a_running_run_that_nobody_watches_is_named(write, found):
    write("INSERT INTO runs (id, pipeline, started_at, outcome, run_uid) VALUES (1, 'people', ?, 'running', 'r')", NOW)
    assert found()["not-watched"].facts.startswith("run 1 of people is running as far as is known")


def test_a_running_run_of_a_live_process_is_watched(path, tracked, found):
    with tracked() as provider, run("people", tracer_provider=provider):
        assert provider.force_flush()
        assert "not-watched" not in found()


def test_the_tracker_that_came_before_is_seen_by_its_runs(write, found):
    write("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('people', ?, 'success')", NOW)
    assert found()["original-tracker"].level is Level.PROBLEM


def test_a_run_that_began_in_the_future_is_named(write, found):
    write("INSERT INTO runs (pipeline, started_at, outcome, run_uid) VALUES ('p', '2026-02-08T11:00:00.000Z', 'success', 'r')")
    assert found()["clock"].facts == "run 1 began at 2026-02-08T11:00:00.000Z, now is 2026-02-08T10:00:00.000Z"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SQLITE_RETENTION_DAYS", "0"),
        ("OTEL_SQLITE_EXIT_TIMEOUT", "soon"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "abc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_SDK_DISABLED", "disabled"),
        ("OTEL_SDK_DISABLED", "1"),
        ("OTEL_SQLITE_STRICT", "perhaps"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ],
)
def test_a_setting_that_is_not_understood_is_named(made, found, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    wrong = found()["wrong-setting"]
    assert wrong.facts.startswith(f"{name}={value!r} is not ")
    assert wrong.remedy == f"unset {name} (or correct it)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SQLITE_RETENTION_DAYS", "30"),
        ("OTEL_SQLITE_EXIT_TIMEOUT", "0"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", " "),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SQLITE_STRICT", "1"),
    ],
)
def test_a_setting_that_is_understood_is_fine(made, found, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert found() == {}


def test_a_disabled_sdk_records_nothing(made, found, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert found()["sdk-disabled"].remedy == "unset OTEL_SDK_DISABLED"


@pytest.mark.parametrize(("protocol", "extra"), [("http/protobuf", "otlp"), ("grpc", "otlp-grpc")])
def test_what_the_settings_need_and_is_not_installed_is_named(made, found, monkeypatch, protocol, extra):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    assert found() == {}
    monkeypatch.setattr(surroundings, "find_spec", lambda _name: None)
    remedies = [f.remedy for f in examine(made, is_full=False, now_ns=NOW_NS) if f.condition == "missing-extra"]
    assert remedies == ["pip install 'otel-sqlite[cli]'", f"pip install 'otel-sqlite[{extra}]'"]


def test_an_exporter_of_others_that_would_not_scrub_is_a_note(made, found, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    assert found()["unscrubbed-spans"].level is Level.NOTE
    monkeypatch.setenv("OTEL_SQLITE_PRIVACY", "off")
    assert found() == {}


def test_a_sqlite_with_the_bug_is_a_note_and_one_without_is_not(made, monkeypatch):
    for version, level in (((3, 40, 1), Level.NOTE), ((3, 51, 3), Level.OK)):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        findings = {f.condition: f.level for f in examine(made, is_full=False, now_ns=NOW_NS)}
        assert findings.get("sqlite-version", findings.get("sqlite")) is level


def test_a_check_that_cannot_look_says_so_and_the_others_go_on(made, found, monkeypatch):
    def fail(_path):
        raise OSError(5, "no such device")

    monkeypatch.setattr(os, "statvfs", fail)
    findings = examine(made, is_full=False, now_ns=NOW_NS)
    (space,) = [f for f in findings if f.condition == "space"]
    assert (space.level, space.facts) == (Level.PROBLEM, "cannot be examined: [Errno 5] no such device")
    assert "integrity" in {f.condition for f in findings}


def test_a_remedy_can_be_pasted_also_where_the_path_has_blanks(tmp_path):
    path = tmp_path / "my club" / "dashboard.sqlite"
    (finding,) = [f for f in examine(path, is_full=False, now_ns=time.time_ns()) if f.condition == "no-database"]
    assert shlex.split(finding.remedy)[:4] == ["otel-sqlite", "init", "--path", str(path)]
