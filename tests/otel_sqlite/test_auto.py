"""SQLiteInstrumentor: joins once, now or later, and leaves the choice of the database to a program that asks."""

import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.auto import SQLiteInstrumentor

_START = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otel_sqlite import configure, run
from otel_sqlite.auto import SQLiteInstrumentor

instrumentor = SQLiteInstrumentor()

def set_provider():
    trace.set_tracer_provider(TracerProvider())

def pipeline():
    with run("people"):
        pass
"""


@pytest.fixture
def runs(path):
    """The pipelines that ran, by the database of this test or another beside it."""

    def found(name="dashboard.sqlite"):
        file = path.parent / name
        if not file.exists():
            return None
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute("SELECT pipeline, outcome FROM runs").fetchall()

    return found


RUN = [("people", "success")]


def test_the_global_provider_is_joined_once_however_often_it_is_asked_for(program, runs):
    count = "print(len(trace.get_tracer_provider()._active_span_processor._span_processors))\npipeline()"
    done = program(
        _START + "instrumentor.instrument()\nset_provider()\ninstrumentor.instrument()\nset_provider()\nconfigure()\n" + count
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "Overriding of current TracerProvider is not allowed\n")
    assert runs() == RUN


def test_a_provider_that_configure_sets_is_not_joined_again(program, runs):
    count = "print(len(trace.get_tracer_provider()._active_span_processor._span_processors))\npipeline()"
    done = program(_START + "instrumentor.instrument()\nconfigure()\n" + count)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert runs() == RUN


def test_a_provider_that_is_set_by_whoever_knew_how_before_is_joined_when_a_tracer_is_asked_for(program, runs):
    known = "set_provider = trace.set_tracer_provider\ninstrumentor.instrument()\nset_provider(TracerProvider())\npipeline()\n"
    done = program(_START + known + "print(trace.set_tracer_provider is set_provider)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    assert runs() == RUN


def test_a_tracer_from_before_the_provider_sees_it_joined(program, runs):
    spans = "with tracer.start_as_current_span('RUN', attributes={'cicd.pipeline.name': 'people'}):\n    pass\n"
    program(_START + "tracer = trace.get_tracer('theirs')\ninstrumentor.instrument()\nset_provider()\n" + spans)
    assert runs() == RUN


def test_without_a_provider_nothing_is_recorded_and_none_is_set(program, runs):
    done = program(_START + "instrumentor.instrument()\npipeline()\nprint(type(trace.get_tracer_provider()).__name__)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ProxyTracerProvider\n", "")
    assert runs() is None


def test_after_uninstrument_a_provider_that_is_set_is_left_alone(program, runs):
    done = program(_START + "instrumentor.instrument()\ninstrumentor.uninstrument()\nset_provider()\npipeline()")
    assert (done.returncode, done.stderr) == (0, "")
    assert runs() is None


def test_the_path_may_be_an_option_and_a_program_that_asks_for_another_gets_it(program, runs):
    joined = _START + "set_provider()\ninstrumentor.instrument(path='data/chosen.sqlite')\n"
    program(joined + "pipeline()")
    assert runs("chosen.sqlite") == RUN
    done = program(joined + "configure('data/asked.sqlite')\npipeline()")
    assert (done.returncode, done.stderr) == (0, "")
    assert runs("asked.sqlite") == runs("chosen.sqlite") == RUN
    program(joined + "configure()\npipeline()")
    assert runs("chosen.sqlite") == RUN * 2
    assert runs() is None


def test_once_a_run_was_recorded_the_database_stays_and_it_is_said(program, runs, path):
    done = program(_START + "set_provider()\ninstrumentor.instrument()\npipeline()\nconfigure('data/late.sqlite')\npipeline()")
    assert done.stderr == f"tracking is set up already: runs go on being recorded in {path}\n"
    assert (runs(), runs("late.sqlite")) == (RUN * 2, None)


def test_a_disabled_sdk_means_untracked(program, runs):
    done = program(_START + "set_provider()\ninstrumentor.instrument()\npipeline()", OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stderr) == (0, "")
    assert runs() is None


def test_an_option_that_is_unknown_is_named():
    with pytest.raises(TypeError, match="'pth'"):
        SQLiteInstrumentor().instrument(pth="data/dashboard.sqlite", skip_dep_check=True)
