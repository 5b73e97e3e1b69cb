"""Whatever values a pipeline raises and records: its exception is the same object, and the row is there, right and readable."""

import asyncio
import datetime as dt
import decimal
import json
import math
import random
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext

from otel_sqlite import ItemError, applier, clean, instrument, journal, run, semconv
from otel_sqlite.cli import main
from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.model import ErrorRecord, RunRecord, SpanRecords, StepRecord
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from otel_sqlite.store.writer import Writer
from tests.faults.invariants import check
from tests.faults.processes import ROOT, rows


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Nothing is passed over in silence: what tracking cannot take fails the test."""
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "1")


@pytest.fixture
def both(database, tmp_path):
    """A provider that records live and in batches; at its end, both databases must say the same and hold what must hold."""
    batch = tmp_path / "batch.sqlite"
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(database))
    provider.add_span_processor(SimpleSpanProcessor(SQLiteSpanExporter(batch)))
    yield provider
    provider.shutdown()
    for path in (database, batch):
        check(path)
    assert _content(database) == _content(batch)


def _content(path):
    """What a database says of runs, steps and errors, whatever recorded it."""
    queries = (
        "SELECT run_uid, pipeline, outcome, end_reason, total_created, total_failed, summary_json FROM runs ORDER BY run_uid",
        """SELECT span_id, step_name, outcome, end_reason, created_count, updated_count, skipped_count, failed_count, detail_json,
                  skip_reason FROM run_steps ORDER BY span_id""",
        """SELECT span_id, event_ns, nth, step_name, member_identifier, error_type, error_message, error_stack FROM run_errors
           ORDER BY span_id, event_ns, nth""",
        "SELECT span_id, reason, count FROM run_drops ORDER BY span_id, reason",
    )
    return [rows(path, query) for query in queries]


def assert_readable(text, limit):
    """A text that UTF-8, SQLite and a human can take."""
    assert isinstance(text, str)
    assert len(text) <= limit
    assert "\0" not in text
    assert text.encode("utf-8").decode() == text


def assert_harmless_on_a_terminal(path):
    """What the command prints of this database cannot move a cursor or turn a line around."""
    printed = CliRunner().invoke(main, ["errors", "--path", str(path)]).stdout
    odd = {character for character in printed if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character != "\n"}
    assert odd == set()


# ------------------------------------------------------------------------------------------------ exceptions


class BrokenText(Exception):  # noqa: N818 - any class may be raised
    def __init__(self, problem):
        super().__init__()
        self.problem = problem

    def __str__(self):
        raise self.problem

    __repr__ = __str__


def breaking(*names, base=Exception):
    """An exception whose attributes of these names cannot be read."""

    def refuse(_self):
        raise RuntimeError("none of your business")

    return type("Breaking", (base,), {name: property(refuse) for name in names})("breaking")


class WrongText(Exception):  # noqa: N818 - any class may be raised
    def __str__(self):
        return 7  # noqa: PLE0307 - the point


class Liar(Exception):  # noqa: N818 - any class may be raised
    __class__ = int


class Unequal(Exception):  # noqa: N818 - any class may be raised
    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError("incomparable")

    def __bool__(self):
        raise RuntimeError("neither")

    def __len__(self):
        raise RuntimeError("endless")


class Nameless(type):
    """The class of classes that do not tell their names."""

    def __getattribute__(cls, name):
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no name")
        return type.__getattribute__(cls, name)


class Hostile:
    """An object whose methods raise, all of them."""

    def __getattribute__(self, name):
        raise RuntimeError("none of your business")

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __int__ = __index__ = __float__ = __bool__ = __iter__ = __len__ = __eq__ = __str__
    __hash__ = object.__hash__


class OddNumber(int):
    def __index__(self):
        raise RuntimeError("no number")

    __int__ = __eq__ = __bool__ = __index__
    __hash__ = int.__hash__


def deep(levels):
    """An error with this many frames."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(levels + 1_000)

    def dive(left):
        if not left:
            raise ValueError("deep down")
        dive(left - 1)

    try:
        dive(levels)
    except ValueError as error:
        return error
    finally:
        sys.setrecursionlimit(limit)


def endless():
    """What Python raises for a recursion without an end."""

    def dive():
        dive()

    try:
        dive()
    except RecursionError as error:
        return error


def cyclic():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__ = first
    return first


def chain(length):
    error = ValueError("0")
    for number in range(length):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    return error


def nested_group(depth):
    group = ValueError("core")
    for number in range(depth):
        group = ExceptionGroup(f"level {number}", [group, ValueError("beside")])
    return group


def noted(*notes):
    error = ValueError("noted")
    error.__notes__ = list(notes)
    return error


EXCEPTIONS = {
    "plain": lambda: ValueError("boom"),
    "broken __str__": lambda: BrokenText(RuntimeError("no")),
    "__str__ that exits": lambda: BrokenText(SystemExit(0)),
    "__str__ that is no text": WrongText,
    "broken __traceback__": lambda: breaking("__traceback__"),
    "broken everything": lambda: breaking("__traceback__", "__cause__", "__context__", "__notes__", "args", "__dict__"),
    "broken __class__": lambda: breaking("__class__"),
    "liar about its class": Liar,
    "no equality, hash or truth": Unequal,
    "class without a name": lambda: Nameless("Hidden", (Exception,), {})("hidden"),
    "class with an odd name": lambda: type("A\x1b[2J\u202e", (Exception,), {"__module__": "m\0", "__qualname__": "\ud800"})(
        "odd"
    ),
    "class with a number for a module": lambda: type("Odd", (Exception,), {"__module__": 7})("odd"),
    "50 MB": lambda: ValueError("é" * 50_000_000),
    "surrogates": lambda: ValueError("lone \ud800 pair \ud83d\ude00 lone \udc00"),
    "NUL": lambda: ValueError("a\0b"),
    "bytes": lambda: ValueError(b"\xff\x00"),
    "terminal escapes": lambda: ValueError("\x1b]0;title\x07 \x1b[2J \x9b31m \r over \b"),
    "right to left": lambda: ValueError("\u202e drow \u2066 \u200f"),
    "group": lambda: BaseExceptionGroup("group", [ValueError("one"), KeyboardInterrupt()]),
    "nested groups": lambda: nested_group(200),
    "cyclic cause": cyclic,
    "long chain": lambda: chain(3_000),
    "deep": lambda: deep(10_000),
    "endless recursion": endless,
    "odd notes": lambda: noted(None, 7, "\ud800", object(), "n" * 1_000_000),
    "notes that are none": lambda: breaking("__notes__"),
    "broken syntax error": lambda: SyntaxError("bad", (None, -5, "x", 7)),
    "out of memory": MemoryError,
    "stop of an iteration": StopIteration,
    "Ctrl-C": KeyboardInterrupt,
    "closed generator": GeneratorExit,
    "cancelled": asyncio.CancelledError,
    "exit 1": lambda: SystemExit(1),
    "exit with text": lambda: SystemExit("\ud800"),
    "exit with True": lambda: SystemExit(True),
    "exit 2**70": lambda: SystemExit(2**70),
    "exit with an object": lambda: SystemExit(object()),
    "exit with what raises": lambda: SystemExit(Hostile()),
    "exit with an odd number": lambda: SystemExit(OddNumber(3)),
    "exit with a broken code": lambda: breaking("code", base=SystemExit),
}
REASONS = {"Ctrl-C": "signal", "closed generator": "cancelled", "cancelled": "cancelled"}
every_exception = pytest.mark.parametrize("name", EXCEPTIONS)  # not the exceptions: pytest itself trips over some of them


def raised_from(error, provider):
    """What comes out of a run and its step when this goes in."""
    try:
        with run("people", tracer_provider=provider) as r, r.step("submit"):
            raise error  # noqa: TRY301 - the point
    except BaseException as caught:  # noqa: BLE001 - Ctrl-C and exits are among them
        return caught


@every_exception
def test_an_exception_leaves_as_the_same_object_and_fails_step_and_run(both, database, name):
    error = EXCEPTIONS[name]()

    assert raised_from(error, both) is error
    both.shutdown()

    reason = REASONS.get(name, "exit_code" if name.startswith("exit") else "exception")
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", reason)]
    assert rows(database, "SELECT outcome, end_reason FROM run_steps") == [("failure", reason)]
    ((step, kind, message, stack),) = rows(database, "SELECT step_name, error_type, error_message, error_stack FROM run_errors")
    assert step == "submit"
    assert_readable(kind, clean.NAME_LIMIT)
    assert_readable(message, clean.MESSAGE_LIMIT)
    assert_readable(stack, clean.STACK_LIMIT)
    assert message
    assert_harmless_on_a_terminal(database)


@every_exception
def test_an_exception_of_an_item_is_one_row_and_the_step_goes_on(both, database, name):
    with run("people", tracer_provider=both) as r, r.step("submit") as step:
        step.item_error(EXCEPTIONS[name](), "ABC")
        step.item_error(ItemError("DEF", "refused"))
    both.shutdown()

    assert rows(database, "SELECT outcome, end_reason, total_failed FROM runs") == [("partial", "ok", 2)]
    assert rows(database, "SELECT member_identifier FROM run_errors ORDER BY event_ns, nth") == [("ABC",), ("DEF",)]


@pytest.mark.parametrize("code", [None, 0, False, OddNumber(0)], ids=["None", "0", "False", "odd 0"])
def test_an_exit_with_nothing_to_say_is_no_failure(both, database, code):
    error = SystemExit(code)
    assert raised_from(error, both) is error
    both.shutdown()
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("success", "ok")]


def test_a_long_message_tells_its_true_length(both, database):
    raised_from(ValueError("é" * 50_000_000), both)
    both.shutdown()
    ((message,),) = rows(database, "SELECT error_message FROM run_errors")
    assert message.endswith("… [50000000 characters]")


TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
ARGUMENT = TEXT | st.binary(max_size=9) | st.integers() | st.floats() | st.none()


def chained(make, make_cause, notes):
    def chain_them():
        error = make()
        with suppress(Exception):  # some refuse
            error.__cause__ = make_cause()
            error.__notes__ = notes
        return error

    return chain_them


def grouped(text, makers):
    def group_them():
        errors = [make() for make in makers]
        try:
            return BaseExceptionGroup(text, errors)
        except RuntimeError:  # Python asks them for their class
            return errors[0]

    return group_them


# Functions that make exceptions: hypothesis itself trips over some of them.
LEAF = st.one_of(
    st.builds(
        lambda kind, args: lambda: kind(*args), st.sampled_from([ValueError, OSError, KeyError, SystemExit]), st.lists(ARGUMENT)
    ),
    st.text(max_size=9).filter(lambda name: "\0" not in name).map(lambda name: lambda: type(name, (Exception,), {})("named")),
    st.sampled_from([make for name, make in EXCEPTIONS.items() if name not in ("50 MB", "deep", "long chain")]),
)
ANY_EXCEPTION = st.recursive(
    LEAF,
    lambda inner: (
        st.builds(chained, inner, inner, st.lists(ARGUMENT, max_size=2))
        | st.builds(grouped, TEXT, st.lists(inner, min_size=1, max_size=3))
    ),
    max_leaves=6,
)


def test_any_exception_leaves_as_the_same_object_and_is_stored(both, database):
    raised = 0

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(ANY_EXCEPTION)
    def leaves_as_it_came(make):
        nonlocal raised
        raised += 1
        random.seed(raised)  # hypothesis sets it back for each example, and the SDK draws the ids of spans from it
        error = make()
        assert raised_from(error, both) is error

    leaves_as_it_came()
    both.shutdown()
    stored = Counter(rows(database, "SELECT r.outcome, s.outcome FROM runs AS r JOIN run_steps AS s ON s.run_id = r.id"))
    assert stored.total() == raised
    assert set(stored) <= {("failure", "failure"), ("success", "success")}
    assert stored["success", "success"] == raised - len(rows(database, "SELECT DISTINCT run_id FROM run_errors"))


# ------------------------------------------------------------------------------------------------ attributes and arguments


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"in": [value]}
    return value


VALUES = {
    "wrong type": object(),
    "not a number": math.nan,
    "infinite": math.inf,
    "negative": -5,
    "2**70": 2**70,
    "int too long to print": 10**5_000,
    "None keys": {None: 1, 2: {None: 3}},
    "10 MB": "é" * 10_000_000,
    "10 MB of bytes": bytes(10_000_000),
    "10,000 deep": nested(10_000),
    "decimal": decimal.Decimal("sNaN"),
    "datetime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "hostile": Hostile(),
    "hostile inside": {"a": [Hostile()], "b": {Hostile(): 1}},
    "surrogates": "\ud800\0",
    "empty": "",
    "None": None,
    "set": {1, "\ud800"},
}


class Result(NamedTuple):
    """What a step hands over."""

    created: object = 0
    updated: object = 0
    skipped: object = 0
    failed: object = 0
    errors: object = ()


@pytest.mark.parametrize("name", VALUES)
def test_any_argument_is_taken_and_what_is_counted_beside_it_is_right(both, database, name):
    value = VALUES[name]
    with run(value, tracer_provider=both) as r:
        with r.step("first") as step:
            step.count(created=3)
            step.record(Result(updated=value, skipped=value))
            step.detail({"value": value})
        with r.step(value) as step:
            step.skip(value)
        with r.step("last") as step:
            step.item_error(ItemError(value, value, value))
            step.item_error(value)
        r.summarize({"value": value})
    both.shutdown()

    assert rows(database, "SELECT outcome, total_created, total_failed FROM runs") == [("partial", 3, 2)]
    assert rows(database, "SELECT outcome FROM run_steps ORDER BY started_at, id") == [("success",), ("skipped",), ("partial",)]
    assert rows(database, "SELECT COUNT(*) FROM run_errors") == [(2,)]
    for (text,) in rows(
        database, "SELECT detail_json FROM run_steps WHERE detail_json NOT NULL UNION SELECT summary_json FROM runs"
    ):
        assert_readable(text, clean.SUMMARY_LIMIT)
        json.loads(text, parse_constant=pytest.fail)
    ((updated,),) = rows(database, "SELECT total_updated FROM runs")
    assert 0 <= updated <= clean.MAX_COUNT


@contextmanager
def paths_of_spans(database, batch):
    """Functions that take a finished span: the live path, and the batch path."""
    live, exporter = DashboardSpanProcessor(database), SQLiteSpanExporter(batch)

    def export(span):
        assert exporter.export([span]) is SpanExportResult.SUCCESS

    try:
        yield live.on_end, export
    finally:
        live.shutdown()
        exporter.shutdown()


STARTED_NS = time.time_ns()
NAMES = [
    value
    for name, value in vars(semconv).items()
    if isinstance(value, str) and name.isupper() and not name.startswith(("STATE_", "RESULT_"))
]


def plain_span(number, **attributes):
    return ReadableSpan(
        name="RUN",
        context=SpanContext(1, number, is_remote=False),
        attributes={semconv.PIPELINE_NAME: "people", **attributes},
        start_time=STARTED_NS,
        end_time=STARTED_NS + 10**9,
    )


@pytest.mark.parametrize("name", VALUES)
def test_any_attribute_of_a_plain_span_is_stored_live_and_in_batches(database, tmp_path, name):
    """As a decoder of others may hand them over: no SDK has looked at the values."""
    kinds = [{}, {semconv.STEP_NAME: "s", semconv.RUN_ID: "a run"}]
    own = {semconv.PIPELINE_NAME, semconv.STEP_NAME, semconv.RUN_ID}  # what makes a span a run or a step, and whose
    spans = [
        plain_span(2 * n + k + 1, **{**kind, attribute: VALUES[name]})
        for n, attribute in enumerate(sorted(set(NAMES) - own))
        for k, kind in enumerate(kinds)
    ]
    spans += [plain_span(1_001, **{semconv.PIPELINE_NAME: VALUES[name]}), plain_span(1_002, **{semconv.RUN_ID: VALUES[name]})]
    spans += [plain_span(1_003, **{**kinds[1], semconv.STEP_NAME: VALUES[name]})]
    with paths_of_spans(database, tmp_path / "batch.sqlite") as paths:
        for path in paths:
            for span in spans:
                path(span)

    assert _content(database) == _content(tmp_path / "batch.sqlite")
    stored = {span_id for table in ("runs", "run_steps") for (span_id,) in rows(database, f"SELECT span_id FROM {table}")} - {
        None
    }
    assert stored == {f"{span.context.span_id:016x}" for span in spans}
    assert rows(database, "SELECT * FROM run_drops WHERE reason = 'refused_record'") == []


# ------------------------------------------------------------------------------------------------ many of them

MANY = """
import resource, sys
from otel_sqlite import ItemError, configure, run

def record(step, number):
    for n in range(number):
        step.item_error(ItemError(str(n), f"item {n} is refused", "stack"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

configure(sys.argv[1])
with run("people") as r, r.step("submit") as step:
    first = record(step, 12_000)
    last = record(step, int(sys.argv[2]))
    print(last - first)
"""


def record_many(database, number):
    """KiB by which the process grew after its first 12,000 item errors."""
    finished = subprocess.run(
        [sys.executable, "-c", MANY, str(database), str(number)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return int(finished.stdout)


def test_ten_thousand_item_errors_of_a_step_are_all_stored(both, database):
    with run("people", tracer_provider=both) as r, r.step("submit") as step:
        for number in range(10_000):
            step.item_error(ItemError(str(number), "refused"))
    both.shutdown()
    assert rows(database, "SELECT total_failed, outcome FROM runs") == [(10_000, "partial")]
    assert rows(database, "SELECT COUNT(DISTINCT member_identifier), COUNT(*) FROM run_errors") == [(10_000, 10_000)]
    assert rows(database, "SELECT * FROM run_drops") == []


def test_more_are_counted_and_said_and_take_no_memory(database):
    grown_kib = record_many(database, 40_000)

    assert grown_kib < 20_000
    assert rows(database, "SELECT total_failed FROM runs") == [(52_000,)]
    assert rows(database, "SELECT COUNT(*) FROM run_errors WHERE member_identifier NOT NULL") == [(instrument.KEPT_ITEM_ERRORS,)]
    said = "42000 more item errors were counted, but not kept"
    assert rows(database, "SELECT error_message FROM run_errors WHERE member_identifier IS NULL") == [(said,)]
    assert rows(database, "SELECT reason, count FROM run_drops") == [("item_error_limit", 42_000)]
    check(database, offered=52_000)


# ------------------------------------------------------------------------------------------------ poison in writer and journal

NOON = 1_770_000_000_000_000_000
RUN = RunRecord(
    "run-1", "ab" * 16, "aa" * 8, "rondo", "people", None, NOON, NOON + 10**9, 1_000, "success", False, "ok", None, None
)


def step(number, **changes):
    record = StepRecord(
        "run-1", RUN.trace_id, f"{number:016x}", RUN.span_id, "rondo", "people", f"step-{number}", NOON, NOON + 10**9, 1_000,
        "success", 1, 0, 0, 0, "ok", None, None,
    )  # fmt: skip
    return SpanRecords(record._replace(**changes), [], [])


def with_error(records, **changes):
    span = records.span
    error = ErrorRecord(span.trace_id, span.span_id, NOON, 0, "2026-02-02T02:40:00.000Z", "E", "m", "s", "ABC")
    return records._replace(errors=[error._replace(**changes)])


POISON = {
    "an outcome that is none": step(2, outcome="great"),
    "a list for a text": step(2, name=["a"]),
    "an object for a count": step(2, created={"a": 1}),
    "a count that is too large": step(2, created=2**70),
    "no name": step(2, name=None),
    "no start": step(2, started_ns=None),
    "a text for a time": step(2, started_ns="now"),
    "a list for a time": step(2, ended_ns=[1]),
    "a surrogate": step(2, detail="\ud800"),
    "a surrogate for an id": step(2, span_id="\ud800"),
    "a list for an id": step(2, span_id=["x"]),
    "no id": step(2, trace_id=None),
    "a number for a run": step(2, run_uid=7),
    "an error of another span": with_error(step(2), span_id="of nobody"),
    "an error without a message": with_error(step(2), message=None),
    "an error with a list": with_error(step(2), item_id=["ABC"]),
    "a run without a pipeline": SpanRecords(RUN._replace(run_uid="run-2", span_id="bb" * 8, pipeline=None), [], []),
    "an id with a dash": SpanRecords(RUN._replace(run_uid="a-b-c", trace_id="a-b", span_id="c", outcome="great"), [], []),
}


@pytest.fixture
def write_to_database(database):
    """Write records straight to the database."""

    def write(batch):
        with closing(Writer(database)) as writer:
            writer.write(batch, 5)
            writer.write(batch[::-1], 5)

    return write


@pytest.fixture
def write_to_journal(database):
    """Leave records in the journal of a dead process, and recover."""

    def write(batch):
        folder = journal.folder(database)
        folder.mkdir(parents=True)
        database.parent.chmod(0o700)
        lines = [json.dumps(["run" if isinstance(r.span, RunRecord) else "step", *r]) + "\n" for r in batch]
        file = folder / f"{NOON}-1-dead{journal.SUFFIX}"
        file.write_text("".join(lines))
        assert applier.recover(database, 60)[:2] == (1, 0)

    return write


@pytest.mark.parametrize("way", ["write_to_database", "write_to_journal"])
@pytest.mark.parametrize("name", POISON)
def test_a_record_that_fails_alone_is_logged_once_counted_and_left_out(request, database, caplog, way, name):
    healthy = [SpanRecords(RUN, [], []), step(1), with_error(step(3))]

    request.getfixturevalue(way)([*healthy[:2], POISON[name], healthy[2]])

    assert rows(database, "SELECT run_uid, outcome, total_created FROM runs") == [("run-1", "success", 2)]
    assert rows(database, "SELECT step_name FROM run_steps ORDER BY step_name") == [("step-1",), ("step-3",)]
    assert rows(database, "SELECT member_identifier FROM run_errors") == [("ABC",)]
    assert rows(database, "SELECT reason, count FROM run_drops") == [("refused_record", 1)]
    assert len(caplog.records) == 1


def test_a_record_that_is_refused_is_counted_with_its_run(database):
    with closing(Writer(database)) as writer:
        writer.write([SpanRecords(RUN, [], []), step(2, outcome="great")], 5)
    query = "SELECT r.run_uid, d.count FROM run_drops AS d JOIN runs AS r ON r.id = d.run_id"
    assert rows(database, query) == [("run-1", 1)]


LINES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"7",
    b'["step"]',
    b'["tick",[],[],[]]',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'["run",{},[],[]]',
]


def test_lines_of_a_journal_that_say_nothing_are_counted_and_the_others_stored(database):
    folder = journal.folder(database)
    folder.mkdir(parents=True)
    good = [journal.encode(SpanRecords(RUN, [], [])), journal.encode(step(1))]
    file = folder / f"{NOON}-1-dead{journal.SUFFIX}"
    file.write_bytes(good[0] + b"\n".join(LINES) + b"\n" + good[1])

    assert applier.recover(database, 60) == (1, 0, 0)

    assert rows(database, "SELECT outcome, total_created FROM runs") == [("success", 1)]
    assert rows(database, "SELECT reason, count FROM run_drops") == [("unreadable_line", len(LINES) - 1)]
