"""The made-up club."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from pipelines.sandbox.club import Club, make_photo
from pipelines.sandbox.images import JPEG, PNG, image_type


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
