"""The command selftest: records a run as a pipeline would, and checks that it is in the database."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from otel_sqlite.cli.frame import leave, note, parsed, path_and_json, print_json
from otel_sqlite.errors import DisabledError
from otel_sqlite.model import ItemError, Outcome
from otel_sqlite.settings import is_sdk_disabled
from otel_sqlite.store.reader import Reader, RunRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@click.command()
@path_and_json
def selftest(*, path: Path, as_json: bool) -> None:
    """Record a run of pipeline "test" as a pipeline would, and check that it is in the database.

    It has a step that succeeds, one that fails, one that reports two item errors, and one that reports three by number. So
    its outcome is partial.

    Exit code 1: it was not stored as it should be.

    \b
    --json:  {"run_id": number, "run_uid": text, "problems": [text, ...]}
      run_id    row id, null when nothing was stored
      problems  what is not as it should be
    """
    if is_sdk_disabled():
        raise DisabledError
    trace_id = _record_test_run(path)
    with Reader(path) as reader:
        row = next((row for row in reader.runs(pipeline="test", limit=10) if row.trace_id == trace_id), None)
        problems = ["no run was stored"] if row is None else list(_problems(reader, row))
    if as_json:
        print_json({"run_id": row and row.id, "run_uid": row and row.run_uid, "problems": problems})
    elif problems:
        note("; ".join(problems))
    elif row is not None:
        click.echo(f"Run tracker test complete, run_id: {row.id}")
    leave(found_trouble=bool(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _TestResult:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: tuple[ItemError, ...] | int = ()


class _TestError(Exception):
    """The failure that the self-test records."""


# Name, outcome, created, updated, skipped, failed of what the self-test records.
_TEST_STEPS: Final = [
    ("success", "success", 1, 2, 3, 0),
    ("failing", "failure", 0, 0, 0, 0),
    ("list-errors", "partial", 4, 0, 0, 2),
    ("numeric-errors", "partial", 0, 5, 0, 3),
]
_TEST_ERRORS: Final = [
    ("failing", None, "this step fails on purpose"),
    ("list-errors", "TEST001", "first item error"),
    ("list-errors", "TEST002", "second item error"),
    ("numeric-errors", None, "Step reported 3 error(s)"),
]


def _record_test_run(path: Path) -> str:
    """Record the run of the self-test; returns its trace id."""
    # What other commands never load.
    from opentelemetry import trace  # noqa: PLC0415

    from otel_sqlite import configure, run  # noqa: PLC0415

    configure(path)
    with run("test") as tracker:
        trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        with tracker.step("success") as step:
            step.record(_TestResult(created=1, updated=2, skipped=3))
        with suppress(_TestError), tracker.step("failing"):
            raise _TestError(_TEST_ERRORS[0][2])
        with tracker.step("list-errors") as step:
            listed = tuple(ItemError(item, message) for name, item, message in _TEST_ERRORS if name == "list-errors")
            step.record(_TestResult(created=4, errors=listed))
        with tracker.step("numeric-errors") as step:
            step.record(_TestResult(updated=5, errors=3))
        tracker.summarize({"test": True})
    flush: Callable[[], object] | None = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:  # the API's provider, where the SDK is disabled, has none
        flush()
    return trace_id


def _problems(reader: Reader, row: RunRow) -> "Iterator[str]":
    """What of the self-test's run is not stored as it was recorded."""
    steps = [(s.name, s.outcome, s.created, s.updated, s.skipped, s.failed) for s in reader.steps(row.id)]
    errors = [(e.step, e.item_id, e.message) for e in reader.errors(run_id=row.id)]
    expected = {
        "outcome": (Outcome.PARTIAL, row.outcome),
        "counts": ((5, 7, 3, 5), (row.created, row.updated, row.skipped, row.failed)),
        "summary": ({"test": True}, parsed(reader.summary(row.id))),
        "steps": (_TEST_STEPS, steps),
        "errors": (_TEST_ERRORS, errors),
    }
    for what, (recorded, stored) in expected.items():
        if recorded != stored:
            yield f"{what}: recorded {recorded}, stored {stored}"
