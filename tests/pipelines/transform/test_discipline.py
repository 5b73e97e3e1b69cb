"""Discipline cases."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.transform.discipline import case_body, case_title, person_name, read_case, season_of

RAW = {
    "DossierId": "T-1",
    "PublicPersonId": "A1",
    "MatchDate": "2026-01-17",
    "MatchDescription": "Testclub 3 - FC Elders 2",
    "TeamName": "Testclub 3",
    "ChargeCodes": ["R2.3"],
    "ChargeDescription": "Natrappen",
    "SanctionDescription": None,
    "ProcessingDate": "2026-01-20T00:00:00",
    "AdministrativeFee": 25.0,
    "IsCharged": True,
}
CASE = read_case({**RAW, "Tooltip": "x"})


def acf(*, is_new=False, **changed):
    return case_body({**CASE, **changed}, title="t", person_id=7, season_term=40, is_new=is_new)["acf"]


def test_a_case_becomes_a_post_with_its_season_and_person():
    assert case_body(CASE, title="Anne - Match - Day", person_id=7, season_term=40, is_new=True) == {
        "title": "Anne - Match - Day",
        "status": "publish",
        "seizoen": [40],
        "acf": {
            "dossier_id": "T-1",
            "person": 7,
            "match_date": "20260117",
            "processing_date": "20260120",
            "match_description": "Testclub 3 - FC Elders 2",
            "team_name": "Testclub 3",
            "charge_codes": '["R2.3"]',
            "charge_description": "Natrappen",
            "sanction_description": "",
            "administrative_fee": 25.0,
            "is_charged": "sportlink",
        },
    }


def test_names_of_fields_have_underscores():
    assert not [name for name in acf(is_new=True) if "-" in name]


@pytest.mark.parametrize(
    ("fee", "number"), [(25.0, 25.0), (0, 0), (None, None), ("", None), ("17,50", 17.5), ("geen", None), (True, None)]
)
def test_an_administrative_fee_is_a_number_or_nothing(fee, number):
    assert acf(AdministrativeFee=fee)["administrative_fee"] == number


@pytest.mark.parametrize(("codes", "text"), [(["R2.3", "R4.1"], '["R2.3", "R4.1"]'), ("R3.1", "R3.1"), (None, ""), ([], "[]")])
def test_a_list_of_codes_is_written_as_json(codes, text):
    assert acf(ChargeCodes=codes)["charge_codes"] == text


def test_whether_the_club_charges_is_left_to_the_club_unless_sportlink_does():
    assert acf(IsCharged=False, is_new=True)["is_charged"] == ""
    assert acf(IsCharged=True, is_new=True)["is_charged"] == "sportlink"
    assert acf(IsCharged=True)["is_charged"] == "sportlink"
    assert "is_charged" not in acf(IsCharged=False)
    assert "is_charged" not in acf(IsCharged=None)


def test_a_title_says_who_what_and_when():
    assert case_title(CASE, "Anne Aker") == "Anne Aker - Testclub 3 - FC Elders 2 - 2026-01-17"
    assert case_title(read_case({}), "Anne Aker") == "Anne Aker - Unknown Match - Unknown Date"


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"id": 7, "title": {"rendered": "Anne van Aker"}, "acf": {"first_name": "Anne"}}, "Anne van Aker"),
        ({"id": 7, "title": {"rendered": "Anne &#8216;t Anker &#038; Co"}, "acf": {}}, "Anne 't Anker & Co"),
        ({"id": 7, "title": {"rendered": ""}, "acf": {"first_name": "Anne", "last_name": "Aker"}}, "Anne Aker"),
        ({"id": 7, "acf": {}}, "Person 7"),
    ],
)
def test_a_person_is_called_by_its_title_else_its_names_else_its_number(person, name):
    assert person_name(person) == name


# ------------------------------------------------------------------------------------------------ seasons


@pytest.mark.parametrize(
    ("day", "season"),
    [
        ("2026-01-15", "2025-2026"),
        ("2026-07-31", "2025-2026"),
        ("2026-08-01", "2026-2027"),
        ("2026-08-01T20:00:00", "2026-2027"),
        ("", None),
        ("17-01-2026", None),
    ],
)
def test_a_season_begins_in_august(day, season):
    assert season_of(day) == season


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2900, 1, 1)))
def test_every_day_is_in_the_one_season_that_lasts_from_august_to_july(day):
    first, last = map(int, (season_of(day.isoformat()) or "").split("-"))

    assert last == first + 1
    assert date(first, 8, 1) <= day <= date(last, 7, 31)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2900, 1, 1)))
def test_a_season_changes_on_the_first_of_august_alone(day):
    tomorrow = day + timedelta(days=1)

    changes = season_of(day.isoformat()) != season_of(tomorrow.isoformat())

    assert changes == ((tomorrow.month, tomorrow.day) == (8, 1))
