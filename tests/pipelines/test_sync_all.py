"""The pipeline all as a whole."""

import json
from dataclasses import replace

import pytest

from otel_sqlite import Outcome
from otel_sqlite.testing import recorded
from pipelines.sandbox import Fault, FaultKind
from pipelines.sandbox.teams import Team
from pipelines.sync_all import sync_all
from pipelines.systems import Systems
from tests.pipelines.tracked import STEPS_OF_ALL

ANNE = {
    "PublicPersonId": "A1",
    "FirstName": "Anne",
    "LastName": "Appel",
    "Email": "anne@x.example",
    "UnionTeams": "JO9-1",
    "PersonImageDate": "2024-09-02",
}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example"}
CHAIR = {"FunctionDescription": "Voorzitter", "RelationStart": "2020-01-01", "RelationEnd": None, "Status": "ACTIVE"}
CASE = {"DossierId": "T-1", "PublicPersonId": "A1", "MatchDate": "2026-01-17", "MatchDescription": "Testclub - Elders"}
CASE_OF_NOBODY = {**CASE, "DossierId": "T-2", "PublicPersonId": "Z9"}
TEAM = Team(
    is_union=True,
    row={"TeamName": "JO9-1", "TeamCode": "JO9-1", "PublicTeamId": "T1", "Gender": "Gemengd"},
    players=[{"PublicPersonId": "A1", "RoleFunctionDescription": "Keeper"}],
    staff=[],
)


def fault(system, path="*", kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


@pytest.fixture
def members(club, club_sandbox):
    """Anne plays, chairs the club and is reported; Bo is a member."""
    club(ANNE, BO)
    club_sandbox.club.teams[:] = [TEAM]
    club_sandbox.club.functions["A1"] = [CHAIR]
    club_sandbox.club.cases[:] = [CASE, CASE_OF_NOBODY]


def sync(systems, **flags):
    """The report of a run of all, what was tracked of it, and what of the run of discipline in it."""
    with recorded() as runs:
        report = sync_all(systems, **flags)
    tracked = {run.pipeline: run for run in runs}
    return report, tracked["all"], tracked.get("discipline")


def counts(run):
    return {one.name: (one.created, one.updated, one.skipped, one.failed) for one in run.steps}


def outcomes(run):
    return {one.name: one.outcome.value for one in run.steps}


# ------------------------------------------------------------------------------------------------ a run that goes well


def test_a_run_takes_fourteen_steps_each_with_its_counts(systems, members):
    report, run, discipline = sync(systems)

    assert counts(run) == {
        "sportlink-download": (2, 0, 0, 0),
        "laposta-prepare": (2, 0, 0, 0),
        "laposta-submit": (2, 0, 0, 0),
        "rondo-club-sync": (2, 0, 0, 0),
        "team-download": (1, 0, 0, 0),
        "team-sync": (1, 0, 0, 0),
        "work-history-sync": (1, 0, 0, 0),
        "functions-download": (2, 0, 0, 0),
        "commissie-sync": (1, 0, 0, 0),
        "commissie-work-history-sync": (1, 0, 0, 0),
        "photo-download": (1, 0, 0, 0),
        "photo-upload": (1, 0, 0, 0),
        "freescout-sync": (2, 0, 0, 0),
        "discipline-sync": (1, 0, 0, 0),
    }
    assert outcomes(run) == dict.fromkeys(STEPS_OF_ALL, "success")
    assert outcomes(discipline) == {"discipline-download": "success", "discipline-sync": "success"}
    assert json.loads(run.summary) == report.stats.as_json()
    assert (run.outcome, report.success) == (Outcome.SUCCESS, True)


def test_the_coverage_of_photos_is_measured(systems, members):
    report, _, _ = sync(systems)

    assert report.stats.as_json()["photos"]["coverage"] == {"members_with_photos": 1, "total_members": 2}
    assert "Coverage: 1/2 members have a photo (50%)" in report.summary


def test_a_second_run_writes_nothing(systems, members, writes):
    sync(systems)
    writes()

    report, _, _ = sync(systems)

    assert (writes(), report.success) == ([], True)


def test_force_sends_what_was_sent_before(systems, members):
    sync(systems)

    _, run, _ = sync(systems, force=True)

    updated = {name: values[1] for name, values in counts(run).items() if values[1]}
    assert updated == {
        "laposta-submit": 2,
        "rondo-club-sync": 2,
        "team-sync": 1,
        "commissie-sync": 1,
        "freescout-sync": 2,
        "discipline-sync": 1,
    }


# ------------------------------------------------------------------------------------------------ freescout


def test_without_credentials_freescout_is_a_skipped_step(systems, members, club_sandbox):
    unset = replace(systems, settings=replace(systems.settings, freescout=replace(systems.settings.freescout, api_key="")))

    report, run, _ = sync(unset)

    step = run.steps[12]
    assert (step.name, step.outcome, step.skip_reason) == ("freescout-sync", Outcome.SKIPPED, "FreeScout is not configured")
    assert (run.outcome, report.success) == (Outcome.SUCCESS, True)
    assert "FREESCOUT SYNC\n----------------------------------------\nskipped (not configured)\n" in report.summary
    assert not [one for one in club_sandbox.requests if one.system == "freescout"]


def test_a_key_that_freescout_refuses_is_a_failure_and_not_for_want_of_one(systems, members):
    wrong = replace(systems, settings=replace(systems.settings, freescout=replace(systems.settings.freescout, api_key="wrong")))
    with Systems.open(wrong.settings) as opened:
        report, run, _ = sync(opened)

    assert outcomes(run)["freescout-sync"] == "failure"
    assert "FREESCOUT SYNC\n----------------------------------------\nCustomers synced: 0/2\n" in report.summary


# ------------------------------------------------------------------------------------------------ what fails


CASE_FAILS = fault("rondo-club", "*/discipline-cases", FaultKind.REFUSED, method="POST")


@pytest.mark.parametrize("club_sandbox", [[CASE_FAILS]], indirect=True, ids=["case-fails"])
def test_what_fails_in_the_run_of_discipline_fails_in_all(systems, members):
    report, run, discipline = sync(systems)

    assert outcomes(discipline)["discipline-sync"] == "partial"
    assert outcomes(run) == dict.fromkeys(STEPS_OF_ALL, "success") | {"discipline-sync": "partial"}
    assert [error.item_id for error in run.steps[13].errors] == ["T-1"]
    [error] = report.stats.as_json()["discipline"]["errors"]
    assert (error["dossier_id"], error["system"]) == ("T-1", "discipline-sync")
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


@pytest.mark.parametrize(
    "club_sandbox", [[fault("sportlink", "*/DisciplineClubCasesPlayer")]], indirect=True, ids=["download-fails"]
)
def test_a_step_that_fails_in_the_run_of_discipline_fails_in_all(systems, members):
    report, run, discipline = sync(systems)

    assert outcomes(discipline)["discipline-download"] == "failure"
    assert outcomes(run)["discipline-sync"] == "partial"
    [error] = report.stats.as_json()["discipline"]["errors"]
    assert error["system"] == "discipline-download"


def test_a_run_of_discipline_that_stops_midway_leaves_what_it_did_in_all(systems, members, club_sandbox):
    club_sandbox.club.cases[:] = [CASE, {**CASE, "DossierId": "T-3"}]

    def give_up(doing, _done, _total):
        if doing == "syncing discipline cases":
            raise RuntimeError("no more")

    report, run, discipline = sync(replace(systems, progress=give_up))

    assert outcomes(discipline)["discipline-sync"] == "failure"
    assert counts(run)["discipline-sync"] == (1, 0, 0, 1)
    stats = report.stats.as_json()["discipline"]
    assert (stats["created"], [error["message"] for error in stats["errors"]]) == (1, ["no more"])
    assert json.loads(run.summary) == report.stats.as_json()


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/SearchMembers")]], indirect=True, ids=["search-fails"])
def test_without_members_the_run_ends(systems, members, club_sandbox):
    report, run, discipline = sync(systems)

    assert (outcomes(run), run.outcome, discipline) == ({"sportlink-download": "failure"}, Outcome.FAILURE, None)
    [failure] = report.stats.failures
    assert report.stats.as_json()["errors"] == [{"message": failure.text, "system": "all"}]
    assert {one.system for one in club_sandbox.requests} == {"sportlink"}


def test_a_failed_download_of_teams_deletes_no_team(systems, members, club_sandbox, writes):
    sync(systems)
    writes()
    club_sandbox.club.teams.clear()

    report, run, _ = sync(systems)

    assert outcomes(run)["team-download"] == "failure"
    assert (outcomes(run)["team-sync"], writes()) == ("success", [])
    assert [error["system"] for error in report.stats.as_json()["teams"]["errors"]] == ["team-download"]
