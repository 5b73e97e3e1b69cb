"""recorded(), as the tests of a pipeline use it: in a process that has no provider yet, in one that has, and nested."""

import json

import pytest

HELPERS = """
import json, logging
from dataclasses import asdict
from otel_sqlite import ItemError, configure, run
from otel_sqlite.testing import recorded

def pipeline(name="people"):
    with run(name) as r:
        with r.step("submit") as step:
            step.count(created=2)
            step.item_error(ItemError("A", "refused", "stack"))
        with r.step("reverse-sync") as step:
            step.skip("nothing pending")
            step.detail({"pages": 1})
        r.summarize({"total": 2})

def show(*lists):
    print(json.dumps([[asdict(run) for run in runs] for runs in lists]))
"""

COUNTS = {"created": 0, "updated": 0, "skipped": 0, "failed": 0}


def recorded_run(pipeline="people"):
    return {
        "pipeline": pipeline,
        "outcome": "partial",
        "end_reason": "ok",
        "summary": '{"total":2}',
        "errors": [],
        "steps": [
            {
                **COUNTS,
                "name": "submit",
                "outcome": "partial",
                "created": 2,
                "failed": 1,
                "errors": [{"item_id": "A", "message": "refused", "stack": "stack"}],
                "detail": None,
                "skip_reason": None,
            },
            {
                **COUNTS,
                "name": "reverse-sync",
                "outcome": "skipped",
                "errors": [],
                "detail": '{"pages":1}',
                "skip_reason": "nothing pending",
            },
        ],
    }


@pytest.fixture
def shown(program):
    """What a program shows of the runs that it recorded."""

    def show(source, **environment):
        done = program(HELPERS + source, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return show


def test_the_runs_of_a_block_are_plain_records(shown):
    assert shown("with recorded() as runs:\n    pipeline()\nshow(runs)") == [[recorded_run()]]


def test_it_works_twice_in_a_process_and_takes_only_what_ends_inside(shown):
    source = """
with recorded() as one:
    pipeline("one")
pipeline("between")
with recorded() as two:
    pipeline("two")
    pipeline("three")
show(one, two)
"""
    assert shown(source) == [[recorded_run("one")], [recorded_run("two"), recorded_run("three")]]


def test_it_can_be_nested(shown):
    source = """
with recorded() as outer:
    pipeline("one")
    with recorded() as inner:
        pipeline("two")
    pipeline("three")
show(outer, inner)
"""
    assert shown(source) == [[recorded_run(name) for name in ("one", "two", "three")], [recorded_run("two")]]


@pytest.mark.parametrize(
    "source",
    ["configure()\nwith recorded() as runs:\n    pipeline()", "with recorded() as runs:\n    configure()\n    pipeline()"],
    ids=["configured before", "configured inside"],
)
def test_it_works_beside_configure(shown, read, source):
    assert shown(source + "\nshow(runs)") == [[recorded_run()]]
    assert read("SELECT pipeline, outcome, total_created FROM runs") == [("people", "partial", 2)]


def test_runs_are_kept_when_the_block_ends_with_an_exception(shown):
    source = """
try:
    with recorded() as runs:
        with run("people") as r, r.step("submit"):
            raise ValueError("boom")
except ValueError:
    pass
(record,) = runs
print(json.dumps([record.outcome, record.end_reason, [error.message for error in record.steps[0].errors]]))
"""
    assert shown(source) == ["failure", "exception", ["boom"]]


def test_the_sampler_does_not_matter(shown):
    assert shown("with recorded() as runs:\n    pipeline()\nshow(runs)", OTEL_TRACES_SAMPLER="always_off") == [[recorded_run()]]


def test_a_provider_that_is_not_the_sdks_is_refused_by_name(program):
    source = """
from opentelemetry import trace
trace.set_tracer_provider(trace.NoOpTracerProvider())
with recorded():
    pass
"""
    done = program(HELPERS + source)
    assert done.stderr.splitlines()[-1] == (
        "TypeError: recorded() needs the SDK's TracerProvider, the global one is NoOpTracerProvider"
    )
