"""The pipeline teams as a whole."""

import json
from functools import partial
from itertools import product

import pytest

from otel_sqlite import Outcome
from pipelines.result import ErrorRecord
from pipelines.sandbox import Fault, FaultKind, running
from pipelines.sandbox.teams import Team
from pipelines.settings import Settings
from pipelines.sync_people import sync_people
from pipelines.sync_teams import main, sync_teams
from pipelines.systems import Systems
from tests.pipelines.tracked import counts, track

sync = partial(track, sync_teams)

STEPS = ["team-download", "team-sync", "work-history-sync"]
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker", "Email": "anne@x.example", "UnionTeams": "1"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "UnionTeams": "1, 2"}


def fault(system, path, kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


def team(key, name, *knvb_ids):
    row = {"TeamName": f"Testclub {name}", "TeamCode": name, "PublicTeamId": key, "Gender": "Mannen"}
    players = [{"PublicPersonId": knvb_id, "RoleFunctionDescription": "Teamspeler"} for knvb_id in knvb_ids]
    return Team(is_union=True, row=row, players=players, staff=[])


@pytest.fixture
def two_teams(systems, club, club_sandbox, writes):
    """Anne and Bo are known in Rondo Club and play in the first two teams."""
    club(ANNE, BO)
    sync_people(systems)
    club_sandbox.club.teams[:] = [team("T1", "1", "A1", "B2"), team("T2", "2", "B2")]
    writes()


@pytest.mark.usefixtures("two_teams")
def test_teams_come_to_rondo_club_and_who_is_in_them_to_the_work_history(systems, writes):
    report, run = sync(systems)

    assert counts(run) == [
        ("team-download", "success", 2, 0, 0, 0),
        ("team-sync", "success", 2, 0, 0, 0),
        ("work-history-sync", "success", 3, 0, 0, 0),
    ]
    assert (run.pipeline, run.outcome, report.success) == ("teams", Outcome.SUCCESS, True)
    assert json.loads(run.summary) == report.stats.as_json()
    assert len(writes()) == 4
    assert systems.state.team_history.post_names() == {"A1": ["Testclub 1"], "B2": ["Testclub 1", "Testclub 2"]}


@pytest.mark.usefixtures("two_teams")
def test_a_second_run_finds_nothing_to_do(systems, writes):
    sync(systems)
    writes()

    _, run = sync(systems)

    assert writes() == []
    assert counts(run)[1:] == [("team-sync", "success", 0, 0, 2, 0), ("work-history-sync", "success", 0, 0, 3, 0)]


@pytest.mark.parametrize(
    "club_sandbox", [[fault("rondo-club", "*/teams", FaultKind.REFUSED, subject="Testclub 2")]], indirect=True, ids=["2"]
)
@pytest.mark.usefixtures("two_teams")
def test_a_team_that_fails_makes_the_step_and_the_run_partial(systems):
    report, run = sync(systems)

    assert [error.item_id for error in run.steps[1].errors] == ["Testclub 2"]
    assert [one.outcome.value for one in run.steps] == ["success", "partial", "success"]
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


@pytest.mark.parametrize(
    ("club_sandbox", "failing"),
    [
        ([fault("sportlink", "*/UnionTeams")], "team-download"),
        ([fault("rondo-club", "*/wp/v2/teams", method="GET")], "team-sync"),
    ],
    indirect=["club_sandbox"],
    ids=["team-download", "team-sync"],
)
@pytest.mark.usefixtures("two_teams")
def test_a_step_that_fails_is_a_failure_of_the_step_and_the_run_goes_on(systems, failing):
    report, run = sync(systems)

    assert {one.name: one.outcome.value for one in run.steps} == dict.fromkeys(STEPS, "success") | {failing: "failure"}
    assert (run.outcome, run.errors, report.success) == (Outcome.PARTIAL, [], False)
    [error] = [error for one in run.steps for error in one.errors]
    assert error.item_id is None
    assert report.stats.failures == [ErrorRecord(message=error.message, system=failing)]


@pytest.mark.usefixtures("two_teams")
def test_any_failure_inside_a_step_is_a_failure_of_the_step(systems):
    broken = "CREATE TRIGGER {0} BEFORE INSERT ON {0} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    systems.state.rondo._connection.execute(broken.format("rondo_club_work_history"))

    report, run = sync(systems)

    assert [one.outcome.value for one in run.steps] == ["success", "success", "failure"]
    assert report.stats.failures == [ErrorRecord(message="broken", system="work-history-sync")]


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/UnionTeams")]], indirect=True, ids=["download-fails"])
@pytest.mark.usefixtures("two_teams")
def test_a_download_that_fails_deletes_no_team(systems, club_sandbox):
    systems.rondo_club.create_team({"title": "By hand", "status": "publish"})

    _, run = sync(systems)

    assert counts(run)[1] == ("team-sync", "success", 0, 0, 0, 0)
    assert len(club_sandbox.rondo_club.posts.all("teams")) == 1


def test_a_second_run_for_a_whole_club_writes_nothing_and_there_are_no_duplicates(tmp_path):
    with running(tmp_path / "sandbox", members=60) as sandbox:
        own = {"SYNC_STATE_DIR": str(tmp_path / "state"), "SYNC_PHOTO_DIR": str(tmp_path / "photos")}
        with Systems.open(Settings.from_env({**sandbox.environment, **own})) as systems:
            sync_people(systems)
            first = sync_teams(systems)
            before = len(sandbox.requests)
            second = sync_teams(systems)

        assert (first.success, second.success) == (True, True)
        assert not [one for one in sandbox.requests[before:] if one.system == "rondo-club" and one.method != "GET"]
        keys = [post["acf"]["publicteamid"] for post in sandbox.rondo_club.posts.all("teams")]
        assert len(keys) == len(set(keys)) == first.stats.teams.total
        histories = [person["acf"]["work_history"] for person in sandbox.rondo_club.persons()]
        assert not [1 for rows in histories for one, other in product(rows, rows) if one is not other and one == other]


def test_the_pipeline_is_a_command():
    assert main.name == "sync-teams"
