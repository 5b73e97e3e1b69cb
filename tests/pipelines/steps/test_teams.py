"""Teams become posts of Rondo Club."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import EmptyDownloadError, SportlinkError
from pipelines.result import ErrorRecord
from pipelines.result.posts import PostsResult
from pipelines.result.teams import TeamDownloadResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.sandbox.teams import Team
from tests.pipelines.steps.filled import download_teams, sync_teams

TEAMS = "wp/v2/teams"


def team(key, name, *, is_union=True, players=(), staff=(), **row):
    row = {"TeamName": name, "PublicTeamId": key, "TeamCode": name, "Gender": "Mannen", **row}
    people = [{"PublicPersonId": knvb_id, "RoleFunctionDescription": role} for knvb_id, role in players]
    leaders = [{"PublicPersonId": knvb_id, "FunctionDescription": role} for knvb_id, role in staff]
    return Team(is_union=is_union, row=row, players=people, staff=leaders)


def body(key, name):
    return {"title": name, "status": "publish", "acf": {"publicteamid": key, "activiteit": "", "gender": "male"}}


def result(*failures, **counts):
    return PostsResult(**counts, failures=list(failures))


def fault(system, path, kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


@pytest.fixture
def sync(systems, club_sandbox):
    """Runs both steps for a club of these teams."""

    def run(*teams, force=False):
        club_sandbox.club.teams[:] = teams
        return sync_teams(systems, download_teams(systems), force=force)

    return run


@pytest.fixture
def titles(club_sandbox):
    return lambda: {post["acf"]["publicteamid"]: post["title"]["rendered"] for post in club_sandbox.rondo_club.posts.all("teams")}


def ids(systems):
    return {post.key: post.post_id for post in systems.state.teams.posts()}


# ------------------------------------------------------------------------------------------------ download


def test_a_download_keeps_teams_and_rosters_and_counts_everybody(systems, club_sandbox):
    club_sandbox.club.teams[:] = [
        team("T1", "1", players=[("A1", "Keeper"), ("B2", None)], staff=[("A1", "Leider")]),
        team("T2", "G-team", is_union=False),
        team("T3", "Twice", is_union=False, HasUnionTeamConnection=True),
    ]

    assert download_teams(systems) == TeamDownloadResult(team_count=2, member_count=2, is_complete=True, failures=[])
    assert [post.key for post in systems.state.teams.posts()] == ["T1", "T2"]
    assert systems.state.teams.sources() == {"T1": "union", "T2": "club"}
    assert systems.state.teams.rosters() == {"T1": {"A1": "Keeper", "B2": ""}}


def test_an_empty_download_is_refused_and_what_was_known_stays(systems, sync, club_sandbox):
    sync(team("T1", "1"))
    club_sandbox.club.teams.clear()

    with pytest.raises(EmptyDownloadError):
        download_teams(systems)

    assert [post.key for post in systems.state.teams.posts()] == ["T1"]


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/UnionTeamPlayers")]], indirect=True, ids=["roster-fails"])
def test_a_roster_that_fails_is_a_failure_of_its_team_and_the_known_one_stays(systems, club_sandbox):
    systems.state.teams.store_rosters({"T1": {"A1": "Keeper"}})
    club_sandbox.club.teams[:] = [team("T1", "1"), team("T2", "G", is_union=False, players=[("B2", "Speler")])]

    done = download_teams(systems)

    [failure] = done.failures
    assert failure == ErrorRecord(team_name="1", message=failure.text, system="team-download")
    assert done == TeamDownloadResult(team_count=2, member_count=1, is_complete=True, failures=[failure])
    assert systems.state.teams.rosters() == {"T1": {"A1": "Keeper"}, "T2": {"B2": "Speler"}}


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/ClubTeams")]], indirect=True, ids=["list-fails"])
def test_a_list_of_teams_that_fails_is_a_failure_of_the_step(systems, club_sandbox):
    club_sandbox.club.teams[:] = [team("T1", "1")]

    with pytest.raises(SportlinkError, match="500"):
        download_teams(systems)

    assert systems.state.teams.posts() == []


# ------------------------------------------------------------------------------------------------ what is written


def test_a_second_run_writes_nothing_and_a_changed_field_writes_one_request(sync, sent, systems):
    assert sync(team("T1", "1"), team("T2", "2")) == result(total=2, created=2)
    assert sent() == [("POST", TEAMS, body("T1", "1")), ("POST", TEAMS, body("T2", "2"))]

    assert sync(team("T1", "1", players=[("A1", "Keeper")]), team("T2", "2")) == result(total=2, skipped=2)
    assert sent() == []

    assert sync(team("T1", "JO19-1"), team("T2", "2")) == result(total=2, updated=1, skipped=1)
    assert sent() == [("PUT", f"{TEAMS}/{ids(systems)['T1']}", body("T1", "JO19-1"))]


def test_force_writes_all_teams(sync):
    sync(team("T1", "1"), team("T2", "2"))

    assert sync(team("T1", "1"), team("T2", "2"), force=True) == result(total=2, updated=2)


def test_teams_of_one_name_are_two_posts_and_a_renamed_team_keeps_its_own(sync, systems):
    sync(team("SAT", "1"), team("SUN", "1"))
    before = ids(systems)

    sync(team("SAT", "1 zaterdag"), team("SUN", "1"))

    assert len(set(before.values())) == 2
    assert ids(systems) == before


def test_single_digits_are_names_of_teams(sync, titles):
    sync(*(team(f"T{n}", str(n)) for n in range(1, 6)))

    assert titles() == {f"T{n}": str(n) for n in range(1, 6)}


def test_a_team_that_was_deleted_by_hand_is_created_again(sync, systems, titles):
    sync(team("T1", "1"), team("T2", "2"))
    systems.rondo_club.delete_team(ids(systems)["T1"])

    assert sync(team("T1", "1"), team("T2", "2")) == result(total=2, created=1, skipped=1)
    assert titles() == {"T1": "1", "T2": "2"}


def test_with_a_lost_state_no_team_is_created_twice(sync, systems, titles):
    sync(team("T1", "1"), team("T2", "2"))
    before = ids(systems)
    systems.state.rondo._connection.execute("DELETE FROM rondo_club_posts")

    assert sync(team("T1", "1"), team("T2", "2")) == result(total=2, updated=2)
    assert (ids(systems), titles()) == (before, {"T1": "1", "T2": "2"})


@pytest.mark.parametrize(
    "club_sandbox", [[fault("rondo-club", f"/wp-json/{TEAMS}", FaultKind.REFUSED, subject="1")]], indirect=True, ids=["refused"]
)
def test_a_team_that_is_refused_is_a_failure_and_the_others_go_on(sync):
    done = sync(team("T1", "1"), team("T2", "2"))

    [failure] = done.failures
    assert failure == ErrorRecord(team_name="1", message=failure.text, system="team-sync")
    assert done == result(failure, total=2, created=1)


# ------------------------------------------------------------------------------------------------ what is deleted


def test_a_team_that_sportlink_does_not_have_any_more_is_deleted(sync, systems, sent, titles):
    sync(team("T1", "1"), team("T2", "2"))
    gone = ids(systems)["T1"]
    sent()

    assert sync(team("T2", "2")) == result(total=1, skipped=1, deleted=1)
    assert sent() == [("DELETE", f"{TEAMS}/{gone}", {"force": True})]
    assert titles() == {"T2": "2"}
    assert sync(team("T2", "2")) == result(total=1, skipped=1, deleted=0)


def test_a_team_that_nobody_knows_is_deleted(sync, systems, titles):
    teams = [team("T1", "1"), team("T2", "G", is_union=False)]
    sync(*teams)
    systems.rondo_club.create_team(body("T9", "Stranger"))

    assert sync(*teams) == result(total=2, skipped=2, deleted=1)
    assert titles() == {"T1": "1", "T2": "G"}


def test_a_list_of_teams_that_is_empty_protects_the_teams_that_were_on_it(sync, titles):
    union = [team("T1", "1"), team("T2", "2"), team("T3", "3")]
    sync(*union, *(team(key, key, is_union=False) for key in ("C1", "C2")))

    done = sync(*union[:2])

    [failure] = done.failures
    assert failure.text.startswith("2 of the 2 known before are not in the download: all are kept")
    assert done == result(failure, total=2, skipped=2, deleted=1)
    assert titles().keys() == {"T1", "T2", "C1", "C2"}


def test_a_list_of_teams_of_which_a_part_came_protects_the_teams_that_were_on_it(sync, titles):
    teams = [team(f"T{n}", str(n)) for n in range(5)]
    clubs = [team("C1", "G", is_union=False), team("C2", "H", is_union=False)]
    sync(*teams, *clubs)

    done = sync(*teams[:2], *clubs)

    assert (done.failed, done.deleted) == (1, 0)
    assert titles().keys() == {"T0", "T1", "T2", "T3", "T4", "C1", "C2"}


def test_a_list_of_teams_that_is_empty_protects_those_that_nobody_knows(sync, systems, titles):
    union = [team("T1", "1"), team("T2", "2")]
    sync(*union, team("C1", "G", is_union=False))
    systems.state.rondo._connection.executescript("DELETE FROM rondo_club_posts; DELETE FROM sportlink_team_sources")

    assert sync(*union) == result(total=2, updated=2)
    assert titles().keys() == {"T1", "T2", "C1"}


def test_teams_that_were_deleted_by_hand_are_forgotten_however_many_they_are(sync, systems, titles):
    sync(team("T1", "1"), team("T2", "2"), team("T3", "3"))
    for key in ("T1", "T2"):
        systems.rondo_club.delete_team(ids(systems)[key])

    assert sync(team("T3", "3")) == result(total=1, skipped=1, deleted=2)
    assert systems.state.teams.gone() == []


def test_teams_created_in_this_run_are_not_taken_for_strangers(sync, titles):
    sync(team("T1", "1"))

    assert sync(team("T1", "1"), team("T2", "2")) == result(total=2, created=1, skipped=1, deleted=0)
    assert titles() == {"T1": "1", "T2": "2"}


def test_without_a_download_no_team_is_deleted(sync, systems, sent):
    sync(team("T1", "1"), team("T2", "2"))
    sync(team("T1", "1"), team("T2", "2"))
    systems.rondo_club.create_team(body("T9", "Stranger"))
    systems.state.teams.store([])
    sent()

    assert sync_teams(systems, TeamDownloadResult()) == result()
    assert sent() == []


def test_no_team_is_deleted_when_all_of_them_would_be(sync, titles):
    sync(team("T1", "1"), team("T2", "2"))

    done = sync(team("T3", "3"))

    [failure] = done.failures
    assert failure.text.startswith("2 of the 2 known before are not in the download: all are kept")
    assert done == result(failure, total=1, created=1, deleted=0)
    assert titles() == {"T1": "1", "T2": "2", "T3": "3"}


def test_teams_that_most_of_them_are_gone_with_are_deleted_when_they_are_missing_for_two_weeks(sync, systems, days_later, titles):
    sync(team("T1", "1"), team("T2", "2"))
    [failure] = sync(team("T3", "3")).failures
    assert failure.text == (
        "2 of the 2 known before are not in the download: all are kept "
        "(they go when they are missing for 14 days; to be rid of them now, delete them in Rondo Club by hand)"
    )

    with days_later(13) as later:
        done = sync_teams(later, download_teams(later))
        assert (done.failed, done.deleted) == (1, 0)
    with days_later(14) as later:
        assert sync_teams(later, download_teams(later)) == result(total=1, skipped=1, deleted=2)
    assert titles() == {"T3": "3"}


def test_the_last_team_of_a_list_is_deleted_when_it_is_missing_for_two_weeks(sync, days_later, titles):
    union = [team("T1", "1"), team("T2", "2")]
    sync(*union, team("C1", "G", is_union=False))
    assert sync(*union).failed == 1

    with days_later(14) as later:
        assert sync_teams(later, download_teams(later)) == result(total=2, skipped=2, deleted=1)
    assert titles().keys() == {"T1", "T2"}


def test_no_team_is_deleted_when_all_those_of_rondo_club_look_strange(sync, systems, titles):
    systems.rondo_club.create_team(body("T9", "By hand"))

    done = sync(team("T1", "1"), team("C1", "G", is_union=False))

    [failure] = done.failures
    assert failure == ErrorRecord(message=failure.text, system="team-sync")
    assert failure.text == (
        "1 of the 1 teams in Rondo Club are unknown: all are kept (look at them there; SYNC_STATE_DIR may be the wrong one)"
    )
    assert titles() == {"T9": "By hand", "T1": "1", "C1": "G"}


def test_a_team_that_is_deleted_already_is_no_failure(sync, systems):
    sync(team("T1", "1"), team("T2", "2"))
    systems.rondo_club.delete_team(ids(systems)["T1"])

    assert sync(team("T2", "2")) == result(total=1, skipped=1, deleted=1)


# ------------------------------------------------------------------------------------------------ change detection, as a law


def test_one_changed_field_of_one_team_is_one_request(sync, sent):
    known = {key: team(key, key) for key in ("T1", "T2", "T3")}
    sync(*known.values())

    @settings(max_examples=15)
    @given(st.sampled_from(sorted(known)), st.sampled_from(["TeamName", "GameActivityDescription"]), st.uuids())
    def change_one_field(key, field, value):
        known[key].row[field] = str(value)
        sent()

        done = [sync(*known.values()), sync(*known.values())]

        assert [(one.updated, one.skipped) for one in done] == [(1, 2), (0, 3)]
        assert [(method, body["acf"]["publicteamid"]) for method, _, body in sent()] == [("PUT", key)]

    change_one_field()
