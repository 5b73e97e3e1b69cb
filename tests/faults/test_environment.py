"""Whatever the environment says or lacks, and whatever else is instrumented, the pipeline does the same and its runs are seen."""

import pytest

from otel_sqlite.applier import recover
from tests.faults.invariants import check
from tests.faults.processes import rows

pytestmark = pytest.mark.usefixtures("unmeasured")

PIPELINE = """
from otel_sqlite import ItemError, configure, run

def pipeline():
    with run("people") as r:
        with r.step("first") as step:
            step.count(created=2)
        with r.step("second") as step:
            for number in range(200):
                step.item_error(ItemError(str(number), "bad"))
            step.detail({"a": 1, "b": "x" * 500})
        r.summarize({"created": 2})
    return r.outcome
"""
PLAIN = f"{PIPELINE}\nconfigure()\nprint(pipeline())\n"

LIMITS = (
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",  # first: with nonsense in it, the SDK cannot even be loaded
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
)
ENVIRONMENTS = {
    "nothing": {},
    "an event limit that is no number": {"OTEL_SPAN_EVENT_COUNT_LIMIT": "abc"},
    "limits that are no numbers": dict.fromkeys(LIMITS[1:], "abc"),
    "limits below zero": dict.fromkeys(LIMITS[1:], "-1"),
    "limits of zero": dict.fromkeys(LIMITS, "0"),
    "limits of one": dict.fromkeys(LIMITS, "1"),
    "limits that are empty": dict.fromkeys(LIMITS, ""),
    "a sampler that takes nothing": {"OTEL_TRACES_SAMPLER": "always_off"},
    "a sampler that follows a parent that was not taken": {
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    },
    "a sampler that takes one in a million": {
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.000001",
    },
    "a sampler that does not exist": {"OTEL_TRACES_SAMPLER": "sometimes"},
    "propagators that do not exist": {"OTEL_PROPAGATORS": "pigeon"},
    "an exporter of the SDK": {"OTEL_TRACES_EXPORTER": "none"},
    "an exporter that does not exist": {"OTEL_TRACES_EXPORTER": "pigeon"},
    "an id generator that does not exist": {"OTEL_PYTHON_ID_GENERATOR": "dice"},
    "a context that does not exist": {"OTEL_PYTHON_CONTEXT": "pigeon_context"},
    "a resource of nonsense": {"OTEL_RESOURCE_ATTRIBUTES": "=,==,x,a=%zz", "OTEL_SERVICE_NAME": ""},
    "detectors that do not exist": {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "pigeon,*"},
    "neither disabled nor enabled": {"OTEL_SDK_DISABLED": "maybe"},
}


def assert_recorded(database):
    recover(database, 60)
    check(database, offered=200)
    assert rows(database, "SELECT outcome, end_reason, total_created, total_failed, summary_json FROM runs") == [
        ("partial", "ok", 2, 200, '{"created":2}')
    ]
    assert rows(database, "SELECT step_name, outcome FROM run_steps ORDER BY id") == [("first", "success"), ("second", "partial")]
    assert rows(database, "SELECT detail_json FROM run_steps WHERE detail_json NOT NULL") == [
        (f'{{"a":1,"b":"{"x" * 500}"}}',),
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_in_the_environment_hides_a_run(program, database, environment):
    done = program(PLAIN, OTEL_SQLITE_PATH=str(database), **ENVIRONMENTS[environment])
    assert (done.returncode, done.stdout) == (0, "partial\n"), done.stderr
    assert_recorded(database)


@pytest.mark.parametrize("said", ["true", "TRUE", " True "])
def test_an_sdk_that_is_switched_off_means_untracked(program, database, said):
    done = program(PLAIN, OTEL_SQLITE_PATH=str(database), OTEL_SDK_DISABLED=said)
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    assert list(database.parent.iterdir()) == []


FOREIGN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider, SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

trace.set_tracer_provider(TracerProvider({}))
"""


def test_a_foreign_provider_with_limits_of_one_keeps_the_run_and_counts_what_it_drops(program, database):
    foreign = FOREIGN.format("span_limits=SpanLimits(max_events=1)")
    done = program(foreign + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "partial\n", 1)
    assert "a TracerProvider exists already" in done.stderr
    check(database, offered=200)
    assert rows(database, "SELECT outcome, total_failed FROM runs") == [("partial", 200)]


def test_a_foreign_sampler_that_takes_nothing_is_named_when_it_is_met_and_when_it_turns_a_run_down(program, database):
    done = program(FOREIGN.format("ALWAYS_OFF") + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout) == (0, "partial\n")
    met, turned_down = done.stderr.splitlines()
    assert "unsampled runs are not seen" in met
    assert "leave no trace" in turned_down
    assert not database.exists()


# ---------------------------------------------------------------------------------------------- what is not there

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names} or name in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
for name in [name for name in sys.modules if name in {names}]:
    del sys.modules[name]
"""


@pytest.mark.parametrize(
    "names",
    [
        {"click", "rich"},
        {"httpx", "stamina", "pyotp", "selectolax", "dotenv", "playwright"},
        {"opentelemetry.exporter.otlp"},
        {"requests", "google"},
    ],
    ids=min,
)
def test_without_optional_packages_runs_are_recorded(program, database, names):
    done = program(BLOCKER.format(names=names) + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    assert_recorded(database)


@pytest.mark.parametrize(
    "name",
    [
        "opentelemetry.sdk",
        "sqlite3",
        "fcntl",
        "otel_sqlite.provider",
        "otel_sqlite.store",
        "otel_sqlite.journal",
        "otel_sqlite.mapping",
    ],
)
def test_where_a_part_of_tracking_cannot_be_imported_the_pipeline_goes_on_untracked(program, database, name):
    done = program(BLOCKER.format(names={name}) + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout) == (0, "partial\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tracking could not be set up, the pipeline goes on untracked: ")
    assert not database.exists()


# ---------------------------------------------------------------------------------------------- what is instrumented

TRACED_SQLITE = """
import sqlite3
from opentelemetry import context, trace

made = []

class TracedCursor(sqlite3.Cursor):
    def execute(self, *arguments):
        return traced(super().execute, arguments)

class TracedConnection(sqlite3.Connection):
    def execute(self, *arguments):
        return traced(super().execute, arguments)

    def cursor(self, factory=TracedCursor):
        return super().cursor(factory)

def traced(execute, arguments):
    if context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY):
        return execute(*arguments)
    made.append(arguments[0])
    with trace.get_tracer("sqlite3").start_as_current_span("query"):
        return execute(*arguments)

real_connect = sqlite3.connect
sqlite3.connect = lambda *positional, **named: real_connect(*positional, **{"factory": TracedConnection, **named})
"""
TRACED_LOGGING = """
import logging
from opentelemetry import trace

class TracingHandler(logging.Handler):
    def emit(self, record):
        with trace.get_tracer("logging").start_as_current_span("RUN log", attributes={"cicd.pipeline.name": "log"}) as span:
            span.add_event(record.getMessage())

logging.basicConfig(level=logging.DEBUG, handlers=[TracingHandler()])
"""


def test_an_instrumented_sqlite3_makes_no_spans_of_what_tracking_does(program, database):
    source = f"""{TRACED_SQLITE}{PLAIN}
trace.get_tracer_provider().force_flush()
print(made)
sqlite3.connect(":memory:").execute("SELECT 1")
print(made)
"""
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n[]\n['SELECT 1']\n", "")
    assert_recorded(database)


def test_a_log_handler_that_makes_runs_does_not_recurse(program, database):
    """Each line that tracking logs would begin a run, and each run that cannot be recorded another line."""
    database.mkdir()
    done = program(TRACED_LOGGING + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    database.rmdir()
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT pipeline, outcome FROM runs WHERE pipeline = 'people'") == [("people", "partial")]


def test_a_log_handler_that_makes_runs_where_no_journal_can_be_does_not_recurse(program, database):
    database.with_name(f"{database.name}.d").write_text("in the way")
    done = program(TRACED_LOGGING + PLAIN, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
