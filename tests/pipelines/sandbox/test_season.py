"""What a season does to the club."""

import copy
import random
from datetime import date

import pytest

from pipelines.sandbox import Club
from pipelines.sandbox.season import EVENTS, NEW_SEASON, NEW_YEAR, Day, live
from pipelines.sandbox.teams import read_codes

TODAY = date(2026, 11, 23)
NOTED = ("functions", "committees", "free_fields", "invoices")
_MADE = {size: Club.make(size=size, seed=1) for size in (120, 300)}


@pytest.fixture
def club():
    return copy.deepcopy(_MADE[120])


@pytest.fixture(scope="module")
def year():
    """A club that has seen a year."""
    club = copy.deepcopy(_MADE[300])
    for _ in range(365):
        live(club, TODAY)
    return club


@pytest.fixture
def happen(club):
    """Lets something happen once; gives what it changed of each kind."""

    def happen(name, times=1):
        day = Day(club=club, rng=random.Random(name), today=TODAY)
        before = copy.deepcopy(club)
        for _ in range(times):
            EVENTS[name][1](day)
        return before

    return happen


def changed_members(before, after):
    old = {member["PublicPersonId"]: member for member in before.members}
    return [member for member in after.members if old.get(member["PublicPersonId"]) != member]


def rosters(club):
    return {row["PublicPersonId"] for team in club.teams for row in (*team.players, *team.staff)}


def codes(club):
    return {code for member in club.members if member["PublicPersonId"] for code in read_codes(member["UnionTeams"])}


def test_the_same_club_has_the_same_days(club):
    other = copy.deepcopy(club)
    for _ in range(20):
        live(club, TODAY)
        live(other, TODAY)

    assert club == other
    assert (club.day, club != _MADE[120]) == (20, True)


def test_a_club_of_another_seed_has_other_days(club):
    other = copy.deepcopy(club)
    other.seed = 2
    for _ in range(20):
        live(club, TODAY)
        live(other, TODAY)

    assert club.members != other.members


def test_a_club_of_nobody_lives_on(club):
    club.clear()

    live(club, TODAY)

    assert (club.day, club.members) == (1, [])


class TestAYear:
    def test_keys_stay_unique(self, year):
        keys = {
            "members": [member["PublicPersonId"] for member in year.members if member["PublicPersonId"]],
            "teams": [team.team_id for team in year.teams],
            "cases": [case["DossierId"] for case in year.cases],
            "bills": [bill["nikki_id"] for bill in year.contributions],
        }

        assert {name: len(found) - len(set(found)) for name, found in keys.items()} == dict.fromkeys(keys, 0)

    def test_nothing_is_left_of_those_who_went(self, year):
        members = {member["PublicPersonId"] for member in year.members}
        gone = {member["PublicPersonId"] for member in _MADE[300].members} - members
        noted = rosters(year) | year.volunteers | year.blocked | {key for name in NOTED for key in getattr(year, name)}

        assert len(gone) > 20
        assert noted - members == set()

    def test_every_team_that_somebody_plays_in_is_a_team(self, year):
        assert codes(year) - {team.code for team in year.teams} == set()

    def test_the_size_of_the_club_stays_about_the_same(self, year):
        assert 200 < len(year.members) < 400

    def test_everybody_is_billed_once_a_year(self, year):
        billed = [bill["knvb_id"] for bill in year.contributions if bill["year"] == 2027]

        assert len(billed) == len(set(billed))
        assert 200 < len(billed) < 400


class TestEvents:
    def test_a_household_joins_with_a_place_on_its_teams(self, happen, club):
        before = happen("join", times=5)

        joined = changed_members(before, club)
        assert len(joined) == len(club.members) - len(before.members) >= 5
        assert {member["MemberSince"] for member in joined} == {"2026-11-23"}
        assert {member["PublicPersonId"] for member in joined if member["UnionTeams"]} <= rosters(club)
        assert {member["PublicPersonId"] for member in joined} <= {bill["knvb_id"] for bill in club.contributions}

    def test_a_member_who_leaves_is_on_no_list_any_more(self, happen, club):
        before = happen("leave")

        [gone] = {member["PublicPersonId"] for member in before.members} - {m["PublicPersonId"] for m in club.members}
        assert gone not in rosters(club) | club.volunteers | club.blocked
        assert all(gone not in getattr(club, name) for name in NOTED)
        assert [bill for bill in club.contributions if bill["knvb_id"] == gone]

    def test_those_at_one_address_move_together(self, happen, club):
        before = happen("move", times=10)

        moved = {(member["StreetName"], member["AddressNumber"]): 0 for member in changed_members(before, club)}
        assert {street for street, _ in moved} == {"Verhuisweg"}
        assert len(changed_members(before, club)) > len(moved)

    @pytest.mark.parametrize(
        ("name", "fields"), [("write", {"Email", "Mobile", "Telephone"}), ("photograph", {"PersonImageDate"})]
    )
    def test_a_record_says_when_it_changed(self, happen, club, name, fields):
        before = happen(name, times=20)

        changed = changed_members(before, club)
        different = {
            field
            for member in changed
            for field in member
            if before.find_member(member["PublicPersonId"])[field] != member[field]
        }
        assert different == fields | {"LastUpdate"}
        assert {member["LastUpdate"] for member in changed} == {"2026-11-23"}

    def test_a_player_is_on_the_roster_of_the_new_team_alone(self, happen, club):
        before = happen("change team")

        [player] = changed_members(before, club)
        places = [team.code for team in club.teams for row in team.players if row["PublicPersonId"] == player["PublicPersonId"]]
        assert places == read_codes(player["UnionTeams"])
        assert player["UnionTeams"] != before.find_member(player["PublicPersonId"])["UnionTeams"]

    def test_a_renamed_team_stays_the_same_team(self, happen, club):
        before = happen("rename team")

        renamed = [(old, new) for old, new in zip(before.teams, club.teams, strict=True) if old != new]
        [(old, new)] = renamed
        assert (old.team_id, old.code, old.players) == (new.team_id, new.code, new.players)
        assert {old.row.get("TeamName", old.row.get("Name")), new.row["TeamName"]} == {new.code, f"Voorbeeldclub {new.code}"}

    def test_a_case_comes_up_and_gets_its_sanction(self, happen, club):
        before = happen("offend")
        assert [case["MatchDate"] for case in club.cases[len(before.cases) :]] == ["2026-11-23"]
        club.cases[:] = club.cases[-1:]

        happen("judge")

        [case] = club.cases
        assert (case["SanctionDescription"], case["AdministrativeFee"], case["IsCharged"]) == (
            "1 wedstrijd uitsluiting",
            25.0,
            True,
        )

    def test_a_payment_lowers_a_bill(self, happen, club):
        before = happen("pay")

        [(old, new)] = [(old, new) for old, new in zip(before.contributions, club.contributions, strict=True) if old != new]
        assert 0 <= new["saldo_cents"] < old["saldo_cents"]

    def test_whoever_takes_a_task_is_a_volunteer(self, happen, club):
        before = happen("take a task", times=6)

        taken = {key for name in ("functions", "committees") for key in getattr(club, name)} - before.volunteers
        assert taken
        assert taken == club.volunteers - before.volunteers

    def test_whoever_lays_down_tasks_has_none_that_go_on(self, happen, club):
        before = happen("lay down tasks")

        [knvb_id] = before.volunteers - club.volunteers
        rows = [*club.functions[knvb_id], *club.committees[knvb_id]]
        assert {(row["RelationEnd"], row["Status"]) for row in rows} == {("2026-11-23", "ENDED")}

    def test_a_certificate_is_noted_in_a_free_field(self, happen, club):
        before = happen("certificate")

        changed = [fields for knvb_id, fields in club.free_fields.items() if fields != before.free_fields.get(knvb_id)]
        assert [fields["Remarks8"] for fields in changed] == [{"Value": "23-11-2026"}]

    def test_a_block_comes_and_goes(self, happen, club):
        before = happen("block")

        assert len(before.blocked ^ club.blocked) == 1


def test_teams_are_made_anew_once_a_season(club):
    club.day = NEW_SEASON
    before = copy.deepcopy(club)

    live(club, TODAY)

    moved = [member for member in changed_members(before, club) if member["PublicPersonId"]]
    assert len(moved) > 10
    assert all(team.players for team in club.teams if team.is_union)


def test_bills_are_sent_once_a_year(club):
    club.day = NEW_YEAR

    live(club, TODAY)

    members = {member["PublicPersonId"] for member in _MADE[120].members if member["PublicPersonId"]}
    billed = {bill["knvb_id"] for bill in club.contributions if bill["year"] == 2027}
    assert len(members & billed) > 110
