"""A process that is killed at any moment while its journal shrinks loses nothing of it."""

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from otel_sqlite import journal as journals
from otel_sqlite import run
from otel_sqlite.applier import recover
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from tests.faults.invariants import check

CALLS = ("open", "write", "pread", "rename", "close")


def record(database, acknowledge, place):
    """Runs beside one that never ends, acknowledged when they have ended; one comes while the others' lines are forgotten."""
    provider = unlimited_provider()

    def record_late():
        with run("late", tracer_provider=provider):
            pass
        acknowledge(b"late ")

    kill_at(place, record_late)
    processor = DashboardSpanProcessor(database)
    provider.add_span_processor(processor)
    run("open", tracer_provider=provider).__enter__()
    for number in range(4):
        with run(f"ended-{number}", tracer_provider=provider) as r, r.step("step") as step:
            step.count(created=number)
        acknowledge(f"ended-{number} ".encode())
        processor.force_flush()


def kill_at(place, meanwhile):
    """From the first look for what to keep on, every call of the system is a place to be killed at."""
    lines_with, write, left = journals.Journal._lines_with, os.write, [place]

    def killing(call):
        def called(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return called

    def watched(journal, *arguments):
        kept = lines_with(journal, *arguments)
        if os.write is write:
            meanwhile()
            for name in CALLS:
                setattr(os, name, killing(getattr(os, name)))
        return kept

    journals.Journal._lines_with = watched


@pytest.mark.parametrize("place", range(10))
def test_killed_at_any_call_while_the_journal_shrinks(database, monkeypatch, place):
    monkeypatch.setattr(journals, "_SHRINK_BYTES", 2_000)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        write = os.write
        record(database, lambda text: write(writer, text), place)
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        acknowledged = pipe.read().split()
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL

    recover(database, 60)

    check(database)
    with closing(sqlite3.connect(database)) as connection:
        stored = dict(connection.execute("SELECT pipeline, outcome FROM runs"))
    assert stored.items() >= {**dict.fromkeys(acknowledged, "success"), "open": "failure"}.items()
