"""The pipeline functions as a whole."""

import json
from functools import partial

import pytest
from click.testing import CliRunner

from otel_sqlite import Outcome
from pipelines.result import ErrorRecord
from pipelines.sandbox import Fault, FaultKind
from pipelines.sandbox.tasks import function, place
from pipelines.sync_functions import main, sync_functions
from pipelines.sync_people import sync_people
from tests.pipelines.tracked import counts, track

sync = partial(track, sync_functions)

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker", "Email": "anne@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "LastUpdate": "2020-01-01"}


def fault(system, path, kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


@pytest.fixture
def office(systems, club, club_sandbox, writes):
    """Anne and Bo are known in Rondo Club; Anne is in the chair, Bo in a committee, and one of them has a certificate."""
    club(ANNE, BO)
    sync_people(systems)
    club_sandbox.club.functions["A1"] = function("Voorzitter", "2020-01-01")
    club_sandbox.club.committees["B2"] = [place("Jeugdcommissie", "Lid", "2021-01-01")]
    club_sandbox.club.free_fields["A1"] = {"Remarks8": {"Value": "15-09-2024"}}
    writes()
    return club_sandbox.club


def test_functions_and_committees_come_to_rondo_club(systems, office, club_sandbox):
    report, run = sync(systems, everyone=True)

    assert counts(run) == [
        ("functions-download", "success", 2, 0, 0, 0),
        ("commissie-sync", "success", 2, 0, 0, 0),
        ("commissie-work-history-sync", "success", 2, 0, 0, 0),
        ("free-fields-sync", "success", 0, 1, 1, 0),
    ]
    assert (run.pipeline, run.outcome, report.success) == ("functions", Outcome.SUCCESS, True)
    assert json.loads(run.summary) == report.stats.as_json()
    names = {post["title"]["rendered"] for post in club_sandbox.rondo_club.posts.all("commissies")}
    assert names == {"Verenigingsbreed", "Jeugdcommissie"}


def test_a_second_run_finds_nothing_to_do(systems, office, writes):
    sync(systems, everyone=True)
    writes()

    _, run = sync(systems, everyone=True)

    assert writes() == []
    assert counts(run)[1:] == [
        ("commissie-sync", "success", 0, 0, 2, 0),
        ("commissie-work-history-sync", "success", 0, 0, 2, 0),
        ("free-fields-sync", "success", 0, 0, 2, 0),
    ]


def test_a_certificate_is_in_rondo_club_after_the_run_that_found_it(systems, office, club_sandbox):
    sync(systems)

    person = club_sandbox.rondo_club.find_person(systems.state.rondo.person_ids()["A1"])
    assert person["acf"]["datum-vog"] == "2024-09-15"


def test_a_recent_run_ends_and_deletes_nothing_of_others(systems, office, writes):
    sync(systems, everyone=True)
    writes()

    _, run = sync(systems)

    assert (counts(run)[0], writes()) == (("functions-download", "success", 1, 0, 0, 0), [])


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/MemberFunctions", subject="B2")]], indirect=True, ids=["bo"])
def test_a_member_that_fails_is_one_error_row_of_a_partial_step(systems, office):
    report, run = sync(systems, everyone=True)

    [error] = run.steps[0].errors
    assert error.item_id == "B2"
    assert counts(run)[0] == ("functions-download", "partial", 2, 0, 0, 1)
    assert report.stats.failures == [ErrorRecord(knvb_id="B2", message=error.message, system="functions-download")]
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


def test_without_a_member_list_the_download_fails_and_the_run_goes_on(systems):
    report, run = sync(systems)

    assert [one.outcome.value for one in run.steps] == ["failure", "success", "success", "success"]
    assert [failure.system for failure in report.stats.failures] == ["functions-download"]
    assert (run.outcome, run.errors) == (Outcome.PARTIAL, [])


@pytest.mark.parametrize(
    "club_sandbox", [[fault("rondo-club", "*/wp/v2/commissies", method="GET")]], indirect=True, ids=["list-fails"]
)
def test_commissies_that_cannot_be_listed_are_a_failure_of_the_step_and_the_run_goes_on(systems, office, writes):
    report, run = sync(systems, everyone=True)

    assert [one.outcome.value for one in run.steps] == ["success", "failure", "success", "success"]
    assert [failure.system for failure in report.stats.failures] == ["commissie-sync"]
    assert not [one for one in writes() if "commissies" in one]


def test_any_failure_inside_a_step_is_a_failure_of_the_step(systems, office):
    broken = "CREATE TRIGGER {0} BEFORE INSERT ON {0} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    systems.state.rondo._connection.execute(broken.format("rondo_club_posts"))

    report, run = sync(systems, everyone=True)

    assert [one.outcome.value for one in run.steps] == ["success", "failure", "success", "success"]
    assert report.stats.failures == [ErrorRecord(message="broken", system="commissie-sync")]


def test_the_flags_of_the_command_are_explained_in_their_order():
    shown = CliRunner().invoke(main, ["--help"]).output

    assert -1 < shown.find("--all") < shown.find("--days") < shown.find("--with-invoice")
    assert main.name == "sync-functions"
