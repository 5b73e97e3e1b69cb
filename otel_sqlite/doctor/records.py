"""Examines what is recorded: journals that wait, runs that nobody watches, what was lost, times that cannot be."""

import os
import stat
from pathlib import Path
from typing import Final

from otel_sqlite import journal
from otel_sqlite.doctor.finding import Case, Findings, note, problem, quoted
from otel_sqlite.model import timestamp
from otel_sqlite.store.locks import is_locked
from otel_sqlite.store.reader import Reader

_DAY_NS: Final = 24 * 3600 * 1_000_000_000
_RECENT_NS: Final = 7 * _DAY_NS
_SKEW_NS: Final = 60 * 1_000_000_000
# The others are limits that somebody set.
_LOSSES: Final = frozenset({"unreadable_line", "unwritten_line", "refused_record", "run_id_taken"})
_LISTED: Final = 3


def journals_are_applied(case: Case) -> Findings:
    """Whether dead processes left something that is not recorded yet."""
    waiting = [file for file in _journals(case) if _is_dead(file)]
    if waiting:
        yield problem(
            "journals-waiting",
            f"{len(waiting)} journals of dead processes are not recorded yet",
            quoted("otel-sqlite", "recover", "--path", case.path),
        )


def journals_are_ours(case: Case) -> Findings:
    """Whether there are journals that nobody will ever apply."""
    for file in _journals(case):
        if (reason := _oddity(file)) is not None:
            yield problem("odd-journal", f"{file} {reason}: it is never applied", f"look into it, then: {quoted('rm', file)}")


def nothing_is_lost(case: Case) -> Findings:
    """Whether something could not be recorded lately."""
    since = timestamp(case.now_ns - _RECENT_NS)
    with Reader(case.path) as reader:
        drops, ledger = reader.drops_since(since), reader.ledger(since=since)
    for drop in drops:
        say = problem if drop.reason in _LOSSES else note
        yield say(
            "dropped",
            f"{drop.dropped} in the last 7 days: {drop.reason}",
            f"{quoted('otel-sqlite', 'runs', '--path', case.path)} (the note names the runs; otel-sqlite show RUN says more)",
        )
    if ledger.missing:
        is_waiting = any(_is_dead(file) for file in _journals(case))
        where = "still in a journal" if is_waiting else "on their way"
        yield note(
            "missing",
            f"of {ledger.offered} item errors of the last 7 days {ledger.stored} are stored, {ledger.dropped} dropped, "
            f"{ledger.missing} neither: deleted since (by prune, forget or a repair), or {where}",
            quoted("otel-sqlite", "recover", "--path", case.path) if is_waiting else "",
        )


def running_is_watched(case: Case) -> Findings:
    """Whether for each running run it can be seen that its process lives."""
    with Reader(case.path) as reader:
        rows = reader.runs(outcome="running", limit=-1)
    for row in rows:
        if row.journal is None or row.host != journal.host():
            yield note(
                "not-watched",
                f"run {row.id} of {row.pipeline} is running as far as is known: nobody here can see whether its process lives",
                "nothing: after 24 hours without a word it becomes lost_contact",
            )


def nobody_deletes(case: Case) -> Findings:
    """Whether the tracker that came before writes here as well: it deletes everything older than three days."""
    with Reader(case.path) as reader:
        theirs = reader.count_strangers(timestamp(case.now_ns - _RECENT_NS)) if reader.is_current else 0
    if theirs:
        yield problem(
            "original-tracker",
            f"{theirs} runs of the last 7 days were written by the tracker that came before: "
            "it deletes all that is older than 3 days, ours too",
            "give one of the two a file of its own: export OTEL_SQLITE_PATH=/another/place/dashboard.sqlite",
        )


def times_are_past(case: Case) -> Findings:
    """Whether a run began in the future: a clock was wrong then, or is now."""
    with Reader(case.path) as reader:
        rows = reader.runs(limit=1)
    if rows and rows[0].started_at > timestamp(case.now_ns + _SKEW_NS):
        yield problem(
            "clock",
            f"run {rows[0].id} began at {rows[0].started_at}, now is {timestamp(case.now_ns)}",
            "timedatectl (compare with a clock)",
        )


def _journals(case: Case) -> list[Path]:
    try:
        return sorted(file for file in journal.folder(case.path).iterdir() if file.suffix == journal.SUFFIX)
    except OSError:
        return []


def _is_dead(file: Path) -> bool:
    """Whether nobody holds this journal; a look, which leaves it as it is."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and not is_locked(descriptor)
    finally:
        os.close(descriptor)


def _oddity(file: Path) -> str | None:
    """Why recover cannot, or may not, read a journal."""
    found = file.lstat()
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    if found.st_uid not in {os.geteuid(), file.parent.stat().st_uid}:
        return f"belongs to user {found.st_uid}"
    if not os.access(file, os.R_OK | os.W_OK):
        return "cannot be read and written by this user"
    return None
