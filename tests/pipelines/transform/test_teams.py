"""Teams, and the teams that a member's record means."""

import pytest

from pipelines.state import Post, WantedPost
from pipelines.transform.sportlink import MemberRecord
from pipelines.transform.teams import TeamFinder, is_team, read_roster, wanted_team

JO17 = {
    "kind": "union",
    "TeamName": "Testclub JO17-1",
    "PublicTeamId": "T1",
    "TeamCode": "JO17-1",
    "Gender": "Gemengd",
    "GameActivityDescription": "Veld - Zaterdag",
}


def team(key, name, code=""):
    return Post(key=key, name=name, team_code=code, body={}, post_id=None, source_hash="", last_synced_hash=None)


def find(teams, rosters, **fields):
    member = MemberRecord.parse({"PublicPersonId": "A1", **fields})
    return {found.key: role for found, role in TeamFinder(teams, rosters).find(member)}


# ------------------------------------------------------------------------------------------------ posts


def test_a_team_becomes_a_post_by_its_sportlink_id():
    assert wanted_team(JO17) == WantedPost(
        key="T1",
        name="Testclub JO17-1",
        team_code="JO17-1",
        body={
            "title": "Testclub JO17-1",
            "status": "publish",
            "acf": {"publicteamid": "T1", "activiteit": "Veld - Zaterdag"},
        },
    )


@pytest.mark.parametrize(("word", "gender"), [("Mannen", "male"), ("Vrouwen", "female"), ("Gemengd", None), (None, None)])
def test_a_team_of_both_genders_is_written_without_one(word, gender):
    assert wanted_team({**JO17, "Gender": word}).body["acf"].get("gender") == gender


@pytest.mark.parametrize("name", ["1", "5"])
def test_a_single_digit_is_a_real_name(name):
    raw = {"kind": "union", "Name": name, "PublicTeamId": 7}

    assert is_team(raw)
    assert (wanted_team(raw).name, wanted_team(raw).key) == (name, "7")


@pytest.mark.parametrize(
    ("raw", "is_one"),
    [
        (JO17, True),
        ({**JO17, "TeamName": "", "Name": "JO17"}, True),
        ({**JO17, "TeamName": " "}, False),
        ({**JO17, "PublicTeamId": None}, False),
        ({**JO17, "HasUnionTeamConnection": True}, True),
        ({**JO17, "kind": "club", "HasUnionTeamConnection": True}, False),
        ({**JO17, "kind": "club", "HasUnionTeamConnection": False}, True),
    ],
)
def test_a_row_without_name_or_id_is_no_team_and_a_club_team_that_plays_in_the_union_is_listed_there(raw, is_one):
    assert is_team(raw) is is_one


def test_who_is_listed_twice_has_the_first_role_that_is_named():
    rows = [
        {"PublicPersonId": "A1", "role": ""},
        {"PublicPersonId": "A1", "role": "Leider"},
        {"PublicPersonId": "A1", "role": "Trainer"},
        {"PublicPersonId": None, "role": "Trainer"},
        {"PublicPersonId": "B2", "role": None},
    ]

    assert read_roster(rows) == {"A1": "Leider", "B2": ""}


# ------------------------------------------------------------------------------------------------ which team is meant


@pytest.mark.parametrize(
    ("code", "name", "team_code"),
    [
        ("JO17-1", "De Zeventien", "JO17-1"),
        ("JO17-1", "Testclub JO17-1", ""),
        ("Testclub JO17-1", "JO17-1", ""),
        ("Testclub JO17-1", "Testclub JO17-1", "JO17-1"),
        ("5", "Testclub 5", ""),
        ("5", "5", "5"),
    ],
)
def test_a_team_is_found_by_its_code_or_by_its_name_with_and_without_the_club(code, name, team_code):
    teams = [team("T1", name, team_code), team("T2", "Testclub MO17-1", "MO17-1")]

    assert find(teams, {}, UnionTeams=code) == {"T1": ""}


def test_a_code_of_two_teams_means_the_one_that_has_the_member_on_its_roster():
    first_teams = [team("SAT", "Testclub 1", "1"), team("SUN", "Testclub 1", "1")]

    assert find(first_teams, {"SUN": {"A1": "Keeper"}}, UnionTeams="1") == {"SUN": "Keeper"}
    assert find(first_teams, {"SAT": {"A1": "Speler"}, "SUN": {"A1": "Leider"}}, UnionTeams="1") == {
        "SAT": "Speler",
        "SUN": "Leider",
    }


def test_an_ambiguous_code_without_a_roster_gives_no_role_to_anybody():
    first_teams = [team("SAT", "Testclub 1", "1"), team("SUN", "Testclub 1", "1")]

    assert find(first_teams, {}, UnionTeams="1") == {"SAT": "", "SUN": ""}


def test_union_teams_and_club_teams_count_each_once_and_unknown_codes_not_at_all():
    teams = [team("T1", "JO8-1", "JO8-1"), team("T2", "Walking Football")]

    assert find(teams, {}, UnionTeams="JO8-1, JO9-9", ClubTeams="JO8-1,Walking Football") == {"T1": "", "T2": ""}
    assert find(teams, {}, UnionTeams=None) == {}
