"""The work history of persons: teams and commissies that members are and were in."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import EmptyDownloadError
from pipelines.result import ErrorRecord
from pipelines.result.posts import WorkHistoryResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import Place, PostKind, WantedPost
from tests.pipelines.steps.filled import sync_commissie_history, sync_team_history

TODAY = date(2026, 2, 8)
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker", "UnionTeams": "JO17-1"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg"}
POSTS = {"JO17-1": 501, "JO17-2": 502, "Jeugd": 601, "Verenigingsbreed": 602}


@pytest.fixture
def posts(systems):
    """Makes teams and commissies known, as if Rondo Club had them."""
    for state, names in ((systems.state.teams, ["JO17-1", "JO17-2"]), (systems.state.commissies, ["Jeugd", "Verenigingsbreed"])):
        state.store([WantedPost(key=name, name=name, team_code=name, body={}) for name in names])
        for post in state.posts():
            state.mark_synced(post, POSTS[post.key])
    systems.state.teams.store_rosters({name: {"A1": "Speler", "B2": "Leider"} for name in ("JO17-1", "JO17-2")})


@pytest.fixture
def places(systems):
    """Makes these the places of A1: commissie, role and start."""

    def store(*rows):
        known = [
            Place(knvb_id="A1", commissie=name, role=role, sportlink_id="", start_date=start, is_active=True)
            for name, role, start in rows
        ]
        systems.state.functions.store(known, {}, replaced=["A1"])

    return store


def row(post, job_title="Speler", start_date="", end_date="", *, is_current=True):
    return {"job_title": job_title, "is_current": is_current, "start_date": start_date, "end_date": end_date, "team": POSTS[post]}


def put(person_id, *rows, names=("Anne", "Aker")):
    acf = {"first_name": names[0], "last_name": names[1], "work_history": list(rows)}
    return ("PUT", f"wp/v2/people/{person_id}", {"acf": acf})


def result(*failures, **counts):
    return WorkHistoryResult(**counts, failures=list(failures))


def sync_teams(systems, *, force=False, today=TODAY):
    return sync_team_history(systems, force=force, today=today)


def sync_commissies(systems, *, force=False, today=TODAY):
    return sync_commissie_history(systems, force=force, today=today)


# ------------------------------------------------------------------------------------------------ both at once

COMMISSIES = """
from datetime import date
from pipelines.result.posts import WorkHistoryResult
from pipelines.settings import Settings
from pipelines.steps.work_history import sync_commissie_history
from pipelines.systems import Systems

with Systems.open(Settings.from_env()) as systems:
    print("ready", flush=True)
    sync_commissie_history(systems, WorkHistoryResult(), force=False, today=date(2026, 2, 8))
"""


@pytest.mark.usefixtures("posts")
def test_rows_of_teams_and_of_commissies_that_are_added_at_the_same_time_all_stay(systems, members, club_sandbox, tmp_path):
    knvb_ids = [f"M{n}" for n in range(20)]
    members(*({**ANNE, "PublicPersonId": knvb_id, "Email": ""} for knvb_id in knvb_ids))
    systems.state.teams.store_rosters({"JO17-1": dict.fromkeys(knvb_ids, "Speler")})
    place = Place(knvb_id="", commissie="Jeugd", role="Lid", sportlink_id="", start_date="", is_active=True)
    systems.state.functions.store([replace(place, knvb_id=knvb_id) for knvb_id in knvb_ids], {})

    environment = {**os.environ, **club_sandbox.environment, "SYNC_STATE_DIR": str(tmp_path / "state")}
    with subprocess.Popen([sys.executable, "-c", COMMISSIES], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        sync_teams(systems)

    assert process.returncode == 0
    rows = {person["acf"]["knvb-id"]: person["acf"]["work_history"] for person in club_sandbox.rondo_club.persons()}
    titles = {knvb_id: sorted(row["job_title"] for row in of_person) for knvb_id, of_person in rows.items()}
    assert titles == {knvb_id: ["Lid", "Speler"] for knvb_id in knvb_ids}


# ------------------------------------------------------------------------------------------------ teams


@pytest.mark.usefixtures("posts")
def test_what_a_member_is_in_when_first_seen_has_no_start_and_what_it_joins_later_starts_today(systems, members, sent):
    ids = members(ANNE)
    sent()

    assert sync_teams(systems) == result(total=1, synced=1, created=1, skipped=0)
    assert sent() == [put(ids["A1"], row("JO17-1"))]

    members({**ANNE, "UnionTeams": "JO17-1", "ClubTeams": "JO17-2"})
    assert sync_teams(systems) == result(total=1, synced=1, created=1, skipped=1)
    assert sent() == [put(ids["A1"], row("JO17-1"), row("JO17-2", start_date="2026-02-08"))]


@pytest.mark.usefixtures("posts")
def test_a_second_run_writes_nothing(systems, members, sent):
    members(ANNE)
    sync_teams(systems)
    sent()

    assert sync_teams(systems) == result(total=0, skipped=1)
    assert sync_teams(systems, force=True) == result(total=1, skipped=1)
    assert sent() == []


@pytest.mark.usefixtures("posts")
def test_a_member_that_leaves_its_team_and_joins_no_other_is_visited(systems, members, sent):
    ids = members(ANNE)
    sync_teams(systems)
    members({**ANNE, "UnionTeams": ""})
    sent()

    assert sync_teams(systems) == result(total=1, synced=1, created=0, ended=1, skipped=0)
    assert sent() == [put(ids["A1"], row("JO17-1", end_date="2026-02-08", is_current=False))]
    assert systems.state.team_history.post_names() == {}


@pytest.mark.usefixtures("posts")
def test_a_member_that_left_the_club_is_in_no_team_any_more(systems, members, sent):
    ids = members(ANNE, BO)
    sync_teams(systems)
    members(BO)
    sent()

    assert sync_teams(systems) == result(total=1, synced=1, created=0, ended=1, skipped=0)
    assert sent() == [put(ids["A1"], row("JO17-1", end_date="2026-02-08", is_current=False))]


@pytest.mark.usefixtures("posts")
def test_the_rows_of_a_team_stay_while_its_post_is_kept_although_no_list_names_it(systems, members, sent):
    ids = members(ANNE)
    sync_teams(systems)
    systems.state.teams.store([])
    sent()

    assert sync_teams(systems) == result(total=0, skipped=1)
    assert sent() == []

    systems.state.teams.forget("JO17-1")
    assert sync_teams(systems) == result(total=1, synced=1, created=0, ended=1, skipped=0)
    assert sent() == [put(ids["A1"], row("JO17-1", end_date="2026-02-08", is_current=False))]


@pytest.mark.usefixtures("posts")
def test_the_rows_of_members_stay_who_are_kept_because_most_are_missing(systems, members, sent):
    members(ANNE, {**BO, "UnionTeams": "JO17-1"}, {**BO, "PublicPersonId": "C3"})
    sync_teams(systems)
    members({**BO, "PublicPersonId": "C3"})
    sent()

    assert sync_teams(systems) == result(total=0, skipped=2)
    assert sent() == []


@pytest.mark.usefixtures("posts")
def test_who_comes_back_to_a_team_gets_a_row_of_its_own(systems, members, sent):
    ids = members(ANNE)
    sync_teams(systems)
    members({**ANNE, "UnionTeams": ""})
    sync_teams(systems)
    members(ANNE)
    sent()

    sync_teams(systems, today=date(2026, 8, 1))

    over = row("JO17-1", end_date="2026-02-08", is_current=False)
    assert sent() == [put(ids["A1"], over, row("JO17-1", start_date="2026-08-01"))]


@pytest.mark.usefixtures("posts")
def test_rows_made_by_hand_are_written_back_as_they_are(systems, members, sent, club_sandbox):
    ids = members(ANNE)
    by_hand = row("JO17-1", "Vrijwilliger", "2001-01-01", "2002-01-01", is_current=False)
    club_sandbox.rondo_club.change_by_hand(ids["A1"], {"work_history": [by_hand]})
    sent()

    sync_teams(systems)
    members({**ANNE, "UnionTeams": ""})
    sync_teams(systems)

    assert sent() == [
        put(ids["A1"], by_hand, row("JO17-1")),
        put(ids["A1"], by_hand, row("JO17-1", end_date="2026-02-08", is_current=False)),
    ]


@pytest.mark.usefixtures("posts")
def test_without_a_role_or_a_person_there_is_no_row(systems, members, club, sent):
    members(ANNE, {**BO, "UnionTeams": "JO17-1"})
    systems.state.teams.store_rosters({"JO17-1": {"A1": "", "B2": "Leider"}})
    systems.state.rondo.forget_person(systems.state.rondo.person_ids()["B2"])
    sent()

    assert sync_teams(systems) == result()
    assert sent() == []


@pytest.mark.usefixtures("posts")
def test_a_code_that_no_team_has_links_by_name_and_never_to_another_team(systems, members, sent):
    ids = members({**ANNE, "UnionTeams": "Testclub JO17-2, JO17-9"})
    sent()

    sync_teams(systems)

    assert sent() == [put(ids["A1"], row("JO17-2"))]


@pytest.mark.usefixtures("posts")
def test_a_person_that_is_gone_waits_until_it_is_created_again(systems, members, sent):
    ids = members(ANNE)
    sync_teams(systems)
    systems.rondo_club.delete_person(ids["A1"])
    members({**ANNE, "ClubTeams": "JO17-2", "City": "Testdorp"})
    sent()

    assert sync_teams(systems) == result(total=1, synced=1, created=2, skipped=0)

    again = systems.state.rondo.person_ids()["A1"]
    assert again != ids["A1"]
    assert sent() == [put(again, row("JO17-1"), row("JO17-2"))]


@pytest.mark.usefixtures("posts")
def test_a_person_that_is_found_gone_is_no_failure(systems, members):
    ids = members(ANNE)
    systems.rondo_club.delete_person(ids["A1"])

    assert sync_teams(systems) == result(total=1)
    assert systems.state.rondo.person_ids() == {}


@pytest.mark.usefixtures("posts")
@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.REFUSED, system="rondo-club", method="PUT", subject="A1", times=None)]],
    indirect=True,
    ids=["anne-is-refused"],
)
def test_a_member_that_is_refused_is_a_failure_and_is_tried_again(systems, members):
    members(ANNE, {**BO, "UnionTeams": "JO17-1"})

    first, second = sync_teams(systems), sync_teams(systems)

    [failure] = first.failures
    assert failure == ErrorRecord(knvb_id="A1", message=failure.text, system="work-history-sync")
    assert first == result(failure, total=2, synced=1, created=1, skipped=0)
    assert second == result(failure, total=1, skipped=1)


@pytest.mark.usefixtures("posts")
@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.LOST, system="rondo-club", method="PUT", subject="A1", times=4)]],
    indirect=True,
    ids=["lost"],
)
def test_a_row_counts_as_written_when_rondo_club_said_so_and_is_not_added_twice(systems, members, club_sandbox):
    ids = members(ANNE)

    first, second = sync_teams(systems), sync_teams(systems)

    assert (first.created, first.failed) == (0, 1)
    assert second == result(total=1, skipped=1)
    assert club_sandbox.rondo_club.find_person(ids["A1"])["acf"]["work_history"] == [row("JO17-1")]


@pytest.mark.usefixtures("posts")
def test_a_team_that_has_a_new_post_gets_a_new_row(systems, members, sent, monkeypatch):
    ids = members(ANNE)
    sync_teams(systems)
    [post, _] = systems.state.teams.posts()
    systems.state.teams.mark_synced(post, 777)
    sent()

    assert sync_teams(systems).created == 1

    over = row("JO17-1", end_date="2026-02-08", is_current=False)
    new = {**row("JO17-1", start_date="2026-02-08"), "team": 777}
    assert sent() == [put(ids["A1"], over, new)]


def test_without_a_member_list_the_step_fails_and_ends_no_row(systems):
    with pytest.raises(EmptyDownloadError):
        sync_teams(systems)


# ------------------------------------------------------------------------------------------------ commissies


@pytest.mark.usefixtures("posts")
def test_one_person_has_a_row_for_each_role_in_a_commissie(systems, members, sent, places):
    ids = members(ANNE)
    places(("Verenigingsbreed", "Voorzitter", "2020-01-01"), ("Verenigingsbreed", "Scheidsrechter", ""), ("Jeugd", "", ""))
    sent()

    assert sync_commissies(systems) == result(total=1, synced=1, created=2, skipped=0)
    rows = (row("Verenigingsbreed", "Scheidsrechter"), row("Verenigingsbreed", "Voorzitter", "2020-01-01"))
    assert sent() == [put(ids["A1"], *rows)]
    assert sync_commissies(systems) == result(total=0, skipped=2)


@pytest.mark.usefixtures("posts")
def test_teams_and_commissies_do_not_end_the_rows_of_each_other(systems, members, sent, places):
    ids = members(ANNE)
    places(("Jeugd", "Lid", "2020-01-01"))
    sync_teams(systems)
    sync_commissies(systems)
    sent()

    places()
    assert sync_teams(systems).total == 0
    assert sync_commissies(systems) == result(total=1, synced=1, created=0, ended=1, skipped=0)
    assert sent() == [put(ids["A1"], row("JO17-1"), row("Jeugd", "Lid", "2020-01-01", "2026-02-08", is_current=False))]


# ------------------------------------------------------------------------------------------------ a law


@pytest.mark.usefixtures("posts")
def test_every_run_leaves_one_current_row_for_each_team_and_writes_once_when_something_changed(
    systems, members, sent, club_sandbox
):
    ids = members(ANNE)

    @settings(max_examples=12)
    @given(st.lists(st.sets(st.sampled_from(["JO17-1", "JO17-2"])), min_size=1, max_size=3))
    def change_teams(seasons):
        for teams in seasons:
            before = set(systems.state.team_history.post_names().get("A1", []))
            members({**ANNE, "UnionTeams": ", ".join(sorted(teams))})
            sent()

            sync_teams(systems)
            wrote = len(sent())
            sync_teams(systems)

            assert (wrote, len(sent())) == (int(teams != before), 0)
            rows = club_sandbox.rondo_club.find_person(ids["A1"])["acf"]["work_history"]
            assert sorted(one["team"] for one in rows if one["is_current"]) == sorted(POSTS[team] for team in teams)
            assert {one["end_date"] for one in rows if not one["is_current"]} <= {"2026-02-08"}

    change_teams()
    assert systems.state.teams.kind is PostKind.TEAM
