"""The pipeline discipline as a whole."""

import json
from functools import partial

import pytest

from otel_sqlite import Outcome
from pipelines.result import ErrorRecord
from pipelines.sandbox import Fault, FaultKind
from pipelines.sync_discipline import main, sync_discipline
from pipelines.sync_people import sync_people
from tests.pipelines.tracked import counts, track

sync = partial(track, sync_discipline)

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker", "Email": "anne@x.example"}


def fault(system, path, kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


@pytest.fixture
def two_cases(systems, club, club_sandbox, writes):
    """Anne is known in Rondo Club and has a case; so has somebody of another club."""
    club(ANNE)
    sync_people(systems)
    case = {"DossierId": "T-1", "PublicPersonId": "A1", "MatchDate": "2026-01-17"}
    club_sandbox.club.cases[:] = [case, {**case, "DossierId": "T-2", "PublicPersonId": "ELDERS9"}]
    writes()


@pytest.mark.usefixtures("two_cases")
def test_cases_come_to_rondo_club_and_are_counted_as_received(systems, writes):
    report, run = sync(systems)

    assert counts(run) == [("discipline-download", "success", 2, 0, 0, 0), ("discipline-sync", "success", 1, 0, 0, 0)]
    assert (run.pipeline, run.outcome, report.success) == ("discipline", Outcome.SUCCESS, True)
    assert json.loads(run.summary) == report.stats.as_json()
    assert writes() == ["POST /wp-json/wp/v2/seizoen", "POST /wp-json/wp/v2/discipline-cases"]


@pytest.mark.usefixtures("two_cases")
def test_a_second_run_finds_nothing_to_do_and_force_writes_all(systems, writes):
    sync(systems)
    writes()

    _, run = sync(systems)
    assert (counts(run)[1], writes()) == (("discipline-sync", "success", 0, 0, 1, 0), [])

    _, forced = sync(systems, force=True)
    assert counts(forced)[1] == ("discipline-sync", "success", 0, 1, 0, 0)


@pytest.mark.parametrize(
    "club_sandbox",
    [[fault("rondo-club", "*/discipline-cases", FaultKind.REFUSED, method="POST")]],
    indirect=True,
    ids=["refused"],
)
@pytest.mark.usefixtures("two_cases")
def test_a_case_that_fails_makes_the_step_and_the_run_partial(systems):
    report, run = sync(systems)

    assert [error.item_id for error in run.steps[1].errors] == ["T-1"]
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


@pytest.mark.parametrize(
    "club_sandbox", [[fault("sportlink", "*/DisciplineClubCasesPlayer")]], indirect=True, ids=["download-fails"]
)
@pytest.mark.usefixtures("two_cases")
def test_a_download_that_fails_is_a_failure_of_the_step_and_what_is_known_is_synced(systems):
    report, run = sync(systems)

    assert counts(run) == [("discipline-download", "failure", 0, 0, 0, 0), ("discipline-sync", "success", 0, 0, 0, 0)]
    [error] = run.steps[0].errors
    assert report.stats.failures == [ErrorRecord(message=error.message, system="discipline-download")]
    assert (run.outcome, run.errors) == (Outcome.PARTIAL, [])


@pytest.mark.usefixtures("two_cases")
def test_any_failure_inside_a_step_is_a_failure_of_the_step(systems):
    broken = "CREATE TRIGGER no_more BEFORE UPDATE ON discipline_cases BEGIN SELECT RAISE(ABORT, 'broken'); END"
    systems.state.discipline._connection.execute(broken)

    report, run = sync(systems)

    assert [one.outcome.value for one in run.steps] == ["success", "failure"]
    assert report.stats.failures == [ErrorRecord(message="broken", system="discipline-sync")]


def test_the_pipeline_is_a_command():
    assert main.name == "sync-discipline"
