"""However OpenTelemetry is set up: the same rows as configure() gives, when, and what is hidden is said."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.setups import INSIDE, SETUPS, TURNED_DOWN, Setup, Shown, table

_ROOT = Path(__file__).parents[2]
_EXISTING = "a provider is set, then `configure()`"
_INSTRUMENTED = "`opentelemetry-instrument` with any other exporter or none"
_MANY = 400  # item errors: more than a span of the SDK holds

_HEAD = "from opentelemetry import trace\n"
_PIPELINE = """
import sqlite3
from contextlib import closing
from pathlib import Path
from otel_sqlite import ItemError, configure, run

def is_visible():
    getattr(trace.get_tracer_provider(), "force_flush", bool)()
    if not Path("data/dashboard.sqlite").exists():
        return False
    with closing(sqlite3.connect("data/dashboard.sqlite")) as connection:
        return connection.execute("SELECT outcome FROM runs").fetchall() == [("running",)]

def pipeline():
    with run("people") as r:
        with r.step("download") as step:
            {inside}
            step.count(created=3, updated=2)
            step.detail({{"pages": 4}})
            was_at_once = is_visible()
        with r.step("submit") as step:
            step.item_error(ItemError("A", "refused"))
            step.item_error(ValueError("too long"), item_id="B")
            was_in_batches = is_visible()
        with r.step("photos") as step:
            step.skip("none pending")
        r.summarize({{"total": 5}})
    print("at once" if was_at_once else "with its first step that is exported" if was_in_batches else "never")
    return was_in_batches

def crowd():
    with run("people") as r, r.step("crowd") as step:
        for number in range({many}):
            step.item_error(ItemError(str(number), "refused"))

if pipeline():
    crowd()
"""

_ROWS = (
    """
SELECT pipeline, outcome, end_reason, club_slug, total_created, total_updated, total_skipped, total_failed, summary_json,
       is_inferred
FROM runs ORDER BY id
""",
    """
SELECT step_name, outcome, end_reason, created_count, updated_count, skipped_count, failed_count, detail_json, skip_reason
FROM run_steps ORDER BY id
""",
    "SELECT step_name, member_identifier, error_message, error_type FROM run_errors WHERE step_name <> 'crowd' ORDER BY id",
)
_EXPECTED = [
    [
        ("people", "partial", "ok", "rondo", 3, 2, 0, 2, '{"total":5}', 0),
        ("people", "partial", "ok", "rondo", 0, 0, 0, _MANY, None, 0),
    ],
    [
        ("download", "success", "ok", 3, 2, 0, 0, '{"pages":4}', None),
        ("submit", "partial", "ok", 0, 0, 0, 2, None, None),
        ("photos", "skipped", "ok", 0, 0, 0, 0, None, "none pending"),
        ("crowd", "partial", "ok", 0, 0, 0, _MANY, None, None),
    ],
    [("submit", "A", "refused", None), ("submit", "B", "too long", "ValueError")],
]


@pytest.fixture
def start(tmp_path, collector):
    """Run pipelines in a process that is set up like this; gives what it printed, and the lines that it said."""

    def run_program(setup: Setup, *, sampler="always_on", **environment):
        (tmp_path / "app.py").write_text(_HEAD + setup.before + _PIPELINE.format(inside=setup.inside, many=_MANY))
        (tmp_path / "otel.yaml").write_text(setup.file.format(sampler=sampler))
        sends = setup.environment.get("OTEL_TRACES_EXPORTER") == "otlp"
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if sends else {}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*setup.command, "app.py"],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(_ROOT), **setup.environment, **endpoint, **environment},
            capture_output=True,
            check=False,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip(), tuple(done.stderr.splitlines())

    return run_program


@pytest.fixture
def read(tmp_path):
    def rows(query):
        with closing(sqlite3.connect(tmp_path / "data" / "dashboard.sqlite")) as connection:
            return connection.execute(query).fetchall()

    return rows


@pytest.fixture
def is_recorded(tmp_path):
    return (tmp_path / "data" / "dashboard.sqlite").exists


def _named(setups):
    return [pytest.param(setup, id=setup.name.replace("`", "")) for setup in setups]


_RECORDING = [setup for setup in SETUPS if setup.shown is not Shown.NEVER]


@pytest.mark.parametrize("setup", _named(_RECORDING))
def test_every_set_up_gives_the_rows_of_configure(setup, start, read):
    assert start(setup) == (setup.shown, setup.says)
    assert [read(query) for query in _ROWS] == _EXPECTED
    ((kept,),) = read("SELECT count(*) FROM run_errors WHERE step_name = 'crowd' AND error_message = 'refused'")
    assert (kept == _MANY) is setup.keeps_all
    ((dropped,),) = read("SELECT coalesce(sum(count), 0) FROM run_drops")
    assert kept + dropped == _MANY


@pytest.mark.parametrize("setup", _named([setup for setup in SETUPS if setup.shown is Shown.NEVER]))
def test_a_set_up_that_records_nothing_says_so_unless_it_was_told_to(setup, start, is_recorded):
    assert start(setup) == (Shown.NEVER, setup.says)
    assert not is_recorded()


@pytest.mark.parametrize("setup", _named(_RECORDING))
def test_a_sampler_that_turns_runs_down_hides_them_only_where_that_is_said(setup, start, read, is_recorded):
    said = start(setup, sampler="always_off", OTEL_TRACES_SAMPLER="always_off")
    if setup.is_hidden:
        assert said == (Shown.NEVER, tuple(dict.fromkeys((*setup.says, *setup.says_of_sampler))))
        assert not is_recorded()
    else:
        assert said == (setup.shown, setup.says)
        assert [read(query) for query in _ROWS] == _EXPECTED


@pytest.mark.parametrize(
    "setup", _named([setup for setup in SETUPS if setup.name in {_EXISTING, _INSTRUMENTED, "`configure()`"}])
)
def test_a_calling_trace_that_is_not_sampled_hides_runs_only_where_that_is_said(setup, start, is_recorded):
    said = start(setup, TRACEPARENT=f"00-{'1' * 32}-{'2' * 16}-00")
    if setup.is_hidden:
        assert said == (Shown.NEVER, (*setup.says, TURNED_DOWN))
        assert not is_recorded()
    else:
        assert said == (setup.shown, setup.says)


@pytest.mark.parametrize("parent", [{}, {"TRACEPARENT": f"00-{'1' * 32}-{'2' * 16}-01"}], ids=["alone", "in a calling trace"])
def test_without_any_set_up_nothing_is_recorded_and_nothing_said(parent, start, is_recorded):
    assert start(Setup(name="none"), **parent) == (Shown.NEVER, ())
    assert not is_recorded()


def test_a_run_in_a_calling_trace_is_not_recorded_either_if_configure_comes_inside_it(start, is_recorded):
    said = start(Setup(name="late", inside="configure()"), TRACEPARENT=f"00-{'1' * 32}-{'2' * 16}-01")
    assert said == (Shown.NEVER, (INSIDE,))
    assert not is_recorded()


def test_the_readme_has_the_table():
    assert table() in (_ROOT / "README.md").read_text()
