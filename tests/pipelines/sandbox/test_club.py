"""The made-up club."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from pipelines.sandbox.club import Club, make_photo
from pipelines.sandbox.images import JPEG, PNG, image_type
from pipelines.sandbox.teams import read_codes


@pytest.fixture(scope="module")
def club() -> Club:
    return Club.make(size=1069, seed=1)


def test_the_same_seed_gives_the_same_club(club: Club):
    random.seed(99)

    assert Club.make(size=1069, seed=1) == club


def test_another_seed_gives_another_club(club: Club):
    first, second = club.members[0], Club.make(size=1, seed=2).members[0]

    assert (first["PublicPersonId"], first["FullName"]) != (second["PublicPersonId"], second["FullName"])


@pytest.mark.parametrize("size", [1, 2, 40, 1069])
def test_a_club_has_as_many_members_as_asked(size: int):
    assert len(Club.make(size=size, seed=1).members) == size


def test_a_saved_club_is_read_back_whole(club: Club, tmp_path: Path):
    club.save(tmp_path / "club.json")

    assert Club.load(tmp_path / "club.json") == club
    assert [path.name for path in tmp_path.iterdir()] == ["club.json"]


def test_knvb_ids_are_unique_and_four_to_ten_letters_or_digits(club: Club):
    ids = [member["PublicPersonId"] for member in club.members if member["PublicPersonId"]]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Z0-9]{4,10}", knvb_id) for knvb_id in ids)
    assert {len(knvb_id) for knvb_id in ids} == {4, 7, 10}


def test_no_mail_address_can_be_anybodys(club: Club):
    addresses = {
        address.strip().lower()
        for member in club.members
        for field in ("Email", "EmailAlternative", "EmailAddressParent1", "EmailAddressParent2")
        if "@" in (address := member.get(field) or "")
    }

    assert {address for address in addresses if not address.endswith(".example")} == {
        "sam.vos@",
        "sam@thuis",
        "sam@thuis,example",
    }


def test_no_telephone_number_can_be_anybodys(club: Club):
    numbers = {member.get(field) for member in club.members for field in ("Mobile", "Telephone", "TelephoneParent1")}

    digits = {re.sub(r"\D", "", number) for number in numbers if number}
    assert all(re.match(r"(0|31|0031)?600|0999", number) for number in digits)


def test_the_club_has_the_cases_that_the_rules_are_about(club: Club):
    members = club.members
    primary = Counter(email.strip().lower() for member in members if "@" in (email := member["Email"] or ""))
    parents = Counter(email for member in members if (email := member["EmailAddressParent1"]))
    cases = {
        "an address used five times or more": max(primary.values()) >= 5,
        "siblings with one parent": max(parents.values()) >= 3,
        "a parent who is a member": any(primary[email] and count for email, count in parents.items()),
        "a child that reads its parent's mail": any(m["Email"] and m["Email"] == m["EmailAddressParent1"] for m in members),
        "one address for both parents": any(m["EmailAddressParent1"] == m["EmailAddressParent2"] != "" for m in members),
        "a parent without a name": any(m["EmailAddressParent1"] and not m["NameParent1"] for m in members),
        "a parent without an address": any(m["NameParent1"] and not m["EmailAddressParent1"] for m in members),
        "an alternative address": any(m.get("EmailAlternative") for m in members),
        "a parent's address as alternative": any(m.get("EmailAlternative", "") in parents for m in members),
        "infixes": sum(bool(m.get("Infix")) for m in members) > 100,
        "an infix with capitals": any((m.get("Infix") or "").istitle() for m in members),
        "no address": any(not m["Email"] for m in members),
        "text that is no address": any(m["Email"] == "onbekend" for m in members),
        "capitals and spaces around an address": any((m["Email"] or "").startswith(" ") for m in members),
        "no KNVB ID": any(not m["PublicPersonId"] for m in members),
        "no first name": any(not m["FirstName"] for m in members),
        "a field left out": any("PersonImageDate" not in m for m in members),
        "no street": any(not m["StreetName"] for m in members),
        "a house number as a number and as text": {type(m["AddressNumber"]) for m in members} == {int, str, type(None)},
        "a day of birth that is none": any(m["DateOfBirth"] == "1956-00-00" for m in members),
        "somebody abroad": any(m["CountryCode"] == "BE" for m in members),
        "photos of most": 0.5 < sum(bool(m.get("PersonImageDate")) for m in members) / len(members) < 0.8,
        "volunteers": 40 < len(club.volunteers) < 160,
    }

    assert [case for case, is_there in cases.items() if not is_there] == []


def test_every_photo_is_a_small_image_of_its_own(club: Club):
    photos = [photo for member in club.members if (photo := club.find_photo(member["PublicPersonId"] or "nobody"))]

    assert len({photo.content for photo in photos}) == len(photos)
    assert {(photo.content_type, image_type(photo.content)) for photo in photos} == {(JPEG, JPEG), (PNG, PNG)}
    assert all(100 <= len(photo.content) < 1000 for photo in photos)


def test_a_photo_changes_with_its_date(club: Club):
    member = next(member for member in club.members if member.get("PersonImageDate"))

    assert club.find_photo(member["PublicPersonId"]) == make_photo(f"{member['PublicPersonId']} {member['PersonImageDate']}")
    assert make_photo("ABCD12X 2024-09-02") != make_photo("ABCD12X 2024-09-03")


def test_a_member_without_a_date_has_no_photo(club: Club):
    member = next(member for member in club.members if not member.get("PersonImageDate"))

    assert club.find_photo(member["PublicPersonId"]) is None


def rows_of(listed):
    """The rows of every entry, whether or not they are in a list."""
    return [row for rows in listed.values() for row in (rows if isinstance(rows, list) else [rows])]


def test_the_teams_have_the_cases_that_the_rules_are_about(club: Club):
    union = [team for team in club.teams if team.is_union and team.team_id]
    names = Counter((team.code, team.row.get("TeamName") or team.row.get("Name")) for team in union)
    players = [row for team in club.teams for row in team.players]
    staff = [row for team in club.teams for row in team.staff]
    codes = {code for member in club.members for code in read_codes(member["UnionTeams"])}
    cases = {
        "codes of which the names carry the club's": any(name == f"Voorbeeldclub {code}" for code, name in names),
        "codes that are the name": any(name == code for code, name in names),
        "a name under the other key": any("Name" in team.row for team in union),
        "two teams of one name and code": names["1", "Voorbeeldclub 1"] == 2,
        "two teams of one name play on two days": len({team.row["GameActivityDescription"] for team in union[:2]}) == 2,
        "names of one digit": {"1", "2", "3", "4", "5"} <= {team.code for team in club.teams if not team.is_union},
        "club teams that are union teams": any(team.row.get("HasUnionTeamConnection") for team in club.teams),
        "club teams that are not": any(team.row.get("HasUnionTeamConnection") is False for team in club.teams),
        "a row without a name": any(not team.row.get("TeamName", team.row.get("Name")) for team in club.teams),
        "a row without a key": any(team.team_id is None for team in club.teams),
        "a team of nobody": any(not (team.players or team.staff) for team in club.teams),
        "youth, women and men": {team.row["Gender"] for team in union if team.players} == {"Mannen", "Vrouwen", "Gemengd"},
        "a player without a role": any(row["RoleFunctionDescription"] is None for row in players),
        "staff without a role": any(row["FunctionDescription"] is None for row in staff),
        "a team for every code": codes <= {team.code for team in union},
    }

    assert [case for case, is_there in cases.items() if not is_there] == []


def test_whoever_is_on_a_roster_has_the_code_of_the_team(club: Club):
    of_member = {
        member["PublicPersonId"]: {*read_codes(member["UnionTeams"]), *read_codes(member["ClubTeams"])} for member in club.members
    }
    on_roster = [(row["PublicPersonId"], team.code) for team in club.teams for row in (*team.players, *team.staff)]

    assert [(knvb_id, code) for knvb_id, code in on_roster if code not in of_member[knvb_id]] == []


def test_the_tasks_have_the_cases_that_the_rules_are_about(club: Club):
    functions, committees = rows_of(club.functions), rows_of(club.committees)
    active = Counter(
        knvb_id
        for knvb_id, rows in club.functions.items()
        for row in (rows if isinstance(rows, list) else [rows])
        if row["Status"] == "ACTIVE"
    )
    places = Counter(
        (knvb_id, row["CommitteeName"])
        for knvb_id, rows in club.committees.items()
        for row in (rows if isinstance(rows, list) else [rows])
    )
    cases = {
        "two functions at once": 2 in active.values(),
        "a function that ended": any(row["Status"] == "ENDED" and row["RelationEnd"] for row in functions),
        "one function without a list": any(isinstance(rows, dict) for rows in club.functions.values()),
        "one place without a list": any(isinstance(rows, dict) for rows in club.committees.values()),
        "two roles in one committee": 2 in places.values(),
        "a committee without a name": any(not row["CommitteeName"] for row in committees),
        "a place without a role": any(
            not (row.get("CommitteeFunctionName") or row.get("FunctionDescription")) for row in committees
        ),
        "the other keys": {"CommitteeId", "PublicCommitteeId"} <= {key for row in committees for key in row},
        "a day with a time": any("T" in row["RelationStart"] for row in (*functions, *committees)),
    }

    assert [case for case, is_there in cases.items() if not is_there] == []


def test_what_the_office_notes_has_the_cases_that_the_rules_are_about(club: Club):
    certificates = [fields["Remarks8"]["Value"] for fields in club.free_fields.values() if "Remarks8" in fields]
    links = [fields["Remarks3"]["Value"] for fields in club.free_fields.values() if "Remarks3" in fields]
    forms = {re.sub(r"\d", "9", text) for text in certificates}
    cases = {
        "certificates in every form": forms == {"9999-99-99", "99-99-9999", "aangevraagd 99/9999", ""},
        "volunteers without a certificate": len(club.volunteers - club.free_fields.keys()) > 3,
        "links to FreeScout that are numbers, and some that are not": {text.isdecimal() for text in links} == {True, False},
        "blocked members": len(club.blocked) > 5,
        "invoices that go elsewhere": {invoice["Address"]["IsDefault"] for invoice in club.invoices.values()} == {True, False},
        "cases of nobody": any(case["PublicPersonId"] is None for case in club.cases),
        "a case of somebody else's": any(case["PublicPersonId"] == "ELDERS9" for case in club.cases),
        "a case without a day": any(case["MatchDate"] is None for case in club.cases),
        "charges as a list, as text, and none": {type(case["ChargeCodes"]) for case in club.cases} == {list, str, type(None)},
        "a fee that is none": any(case["AdministrativeFee"] is None for case in club.cases),
        "four years and one that is over": {bill["year"] for bill in club.contributions} == {2021, 2023, 2024, 2025, 2026},
        "debts, nothing, and too much": {bill["saldo_cents"] > 0 for bill in club.contributions} == {True, False},
    }

    assert [case for case, is_there in cases.items() if not is_there] == []


def test_a_member_is_found_wherever_the_list_has_put_it():
    club = Club.make(size=30, seed=1)
    knvb_ids = [member["PublicPersonId"] for member in club.members if member["PublicPersonId"]]
    assert [club.find_member(knvb_id)["PublicPersonId"] for knvb_id in knvb_ids] == knvb_ids

    first = club.members.pop(0)
    club.members.reverse()

    assert [club.find_member(knvb_id)["PublicPersonId"] for knvb_id in knvb_ids[1:]] == knvb_ids[1:]
    assert club.find_member(first["PublicPersonId"]) is None


def test_a_club_that_is_cleared_has_nothing_left():
    club = Club.make(size=30, seed=3)
    club.clear()

    assert club == Club(size=30, seed=3)
