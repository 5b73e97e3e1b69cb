"""The public API as a whole: what it is, what it weighs, its types, and that plain OpenTelemetry says the same."""

import contextlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mypy import api as mypy
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import otel_sqlite
from otel_sqlite import ItemError, run
from otel_sqlite.exporter import SQLiteSpanExporter

TYPED_USES = Path(__file__).parent.parent / "typing" / "api.py"


def test_the_public_names_are_these_and_all_there():
    assert otel_sqlite.__all__ == ["ItemError", "Outcome", "Run", "Step", "configure", "run"]
    assert all(callable(getattr(otel_sqlite, name)) for name in otel_sqlite.__all__)


def test_a_name_that_does_not_exist_is_named():
    with pytest.raises(AttributeError, match="module 'otel_sqlite' has no attribute 'configured'"):
        otel_sqlite.configured  # noqa: B018 - the access is the test


@pytest.mark.usefixtures("unmeasured")
def test_what_a_pipeline_imports_is_light(program):
    heavy = ["opentelemetry.sdk", "sqlite3", "pathlib", "json", "datetime", "asyncio", "click", "rich", "requests"]
    imports = "import sys\nfrom otel_sqlite import ItemError, Outcome, Run, Step, run\n"
    done = program(f"{imports}print([name for name in {heavy} if name in sys.modules])")
    assert done.stdout == "[]\n"


def test_the_types_of_the_api_are_what_a_strict_checker_sees():
    said, complained, status = mypy.run(["--strict", "--warn-unused-ignores", str(TYPED_USES)])
    assert (status, complained) == (0, ""), said


def test_typed_uses_also_work(program):
    done = program(TYPED_USES.read_text())
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


# ---------------------------------------------------------------------------------------------- plain OpenTelemetry


def our_pipeline(provider):
    with contextlib.suppress(RuntimeError), run("people", tracer_provider=provider) as r:
        with r.step("download") as step:
            step.count(created=3, updated=2)
            step.detail({"pages": 3})
        with r.step("reverse-sync") as step:
            step.skip("nothing pending")
        with r.step("submit") as step:
            step.count(created=1, skipped=4)
            step.item_error(ItemError("A", "refused", "stack"))
            step.item_error(ItemError("B", "refused"))
        with contextlib.suppress(ValueError), r.step("photos"):
            raise ValueError("no photo")
        r.summarize({"total": 4})
        with r.step("last"):
            raise RuntimeError("the end")


def plain_pipeline(provider):
    tracer = provider.get_tracer("a pipeline of somebody")

    def step(name):
        return tracer.start_as_current_span(name, attributes={"cicd.pipeline.task.name": name})

    attributes = {"cicd.pipeline.name": "people"}
    with contextlib.suppress(RuntimeError), tracer.start_as_current_span("RUN people", attributes=attributes) as whole:
        with step("download") as span:
            span.set_attributes({"otel_sqlite.items.created": 3, "otel_sqlite.items.updated": 2})
            span.set_attribute("otel_sqlite.detail", '{"pages":3}')
        with step("reverse-sync") as span:
            span.set_attributes({"cicd.pipeline.task.run.result": "skip", "otel_sqlite.skip_reason": "nothing pending"})
        with step("submit") as span:
            span.set_attributes({"otel_sqlite.items.created": 1, "otel_sqlite.items.skipped": 4, "otel_sqlite.items.failed": 2})
            for item, stack in (("A", {"exception.stacktrace": "stack"}), ("B", {})):
                span.add_event("exception", {"exception.message": "refused", "otel_sqlite.item.id": item, **stack})
        with contextlib.suppress(ValueError), step("photos"):
            raise ValueError("no photo")
        whole.set_attribute("otel_sqlite.summary", '{"total":4}')
        with step("last"):
            raise RuntimeError("the end")


def our_interrupt(provider):
    with run("people", tracer_provider=provider) as r:
        with r.step("download") as step:
            step.item_error(ItemError("A", "refused"))
        with r.step("submit"):
            raise KeyboardInterrupt


def plain_interrupt(provider):
    tracer = provider.get_tracer("a pipeline of somebody")
    with tracer.start_as_current_span("RUN people", attributes={"cicd.pipeline.name": "people"}):
        with tracer.start_as_current_span("download", attributes={"cicd.pipeline.task.name": "download"}) as span:
            span.set_attribute("otel_sqlite.items.failed", 1)
            span.add_event("exception", {"exception.message": "refused", "otel_sqlite.item.id": "A"})
        with tracer.start_as_current_span("submit", attributes={"cicd.pipeline.task.name": "submit"}):
            raise KeyboardInterrupt


def our_items(provider):
    with run("people", tracer_provider=provider) as r, r.step("submit") as step:
        step.item_error(ItemError("A", "refused"))


def plain_items(provider):
    tracer = provider.get_tracer("a pipeline of somebody")
    with (
        tracer.start_as_current_span("RUN people", attributes={"cicd.pipeline.name": "people"}),
        tracer.start_as_current_span("submit", attributes={"cicd.pipeline.task.name": "submit"}) as span,
    ):
        span.set_attribute("otel_sqlite.items.failed", 1)
        span.add_event("exception", {"exception.message": "refused", "otel_sqlite.item.id": "A"})


def everything(path):
    """All rows, without ids, times, the process, how success is known, and where in the source an exception came from."""
    aside = {"id", "run_id", "run_step_id", "run_uid", "trace_id", "span_id", "started_at", "finished_at", "created_at",
             "duration_ms", "event_ns", "nth", "pid", "journal", "host", "last_seen_at", "is_inferred"}  # fmt: skip
    tables = {}
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("runs", "run_steps", "run_errors", "run_drops"):
            rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]
            tables[table] = [{name: value for name, value in row.items() if name not in aside} for row in rows]
    for error in tables["run_errors"]:
        if (error["error_stack"] or "").startswith("Traceback"):
            error["error_stack"] = error["error_stack"].splitlines()[-1]
    return tables


def by_name(tables):
    """Rows in an order of their own: an exporter writes a step before its run, and errors when their step has ended."""
    return {table: sorted(rows, key=json.dumps) for table, rows in tables.items()}


@pytest.fixture
def exported(path):
    """The batch path, with an ordinary provider of the SDK."""

    @contextlib.contextmanager
    def exporting(to=path):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(SQLiteSpanExporter(to)))
        try:
            yield provider
        finally:
            provider.shutdown()

    return exporting


@pytest.mark.parametrize("way", ["tracked", "exported"])
@pytest.mark.parametrize(
    ("ours", "plain"), [(our_pipeline, plain_pipeline), (our_items, plain_items)], ids=["every kind of step", "items alone"]
)
def test_a_pipeline_of_plain_opentelemetry_gives_the_same_rows(request, tmp_path, way, ours, plain):
    recording = request.getfixturevalue(way)
    for pipeline in (ours, plain):
        with recording(tmp_path / f"{pipeline.__name__}.sqlite") as provider:
            pipeline(provider)
    found, expected = (everything(tmp_path / f"{pipeline.__name__}.sqlite") for pipeline in (plain, ours))
    assert by_name(found) == by_name(expected)
    assert len(expected["runs"]) == 1
    assert len(expected["run_steps"]) > 0


def test_the_live_path_sees_an_interrupt_that_plain_opentelemetry_does_not_note(tracked, tmp_path):
    for pipeline in (our_interrupt, plain_interrupt):
        with tracked(tmp_path / f"{pipeline.__name__}.sqlite") as provider, contextlib.suppress(KeyboardInterrupt):
            pipeline(provider)
    found, expected = (everything(tmp_path / f"{pipeline.__name__}.sqlite") for pipeline in (plain_interrupt, our_interrupt))
    noted = [error for error in expected["run_errors"] if error["error_type"] is not None]
    expected["run_errors"] = [error for error in expected["run_errors"] if error not in noted]
    assert sum(step.pop("errors_offered") for step in expected["run_steps"]) == len(noted) + 1
    assert sum(step.pop("errors_offered") for step in found["run_steps"]) == 1
    assert found == expected


def test_both_paths_give_the_same_rows(tracked, exported, tmp_path):
    with tracked(tmp_path / "live.sqlite") as provider:
        our_pipeline(provider)
    with exported(tmp_path / "batch.sqlite") as provider:
        our_pipeline(provider)
    assert by_name(everything(tmp_path / "live.sqlite")) == by_name(everything(tmp_path / "batch.sqlite"))
