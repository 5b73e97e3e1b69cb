"""Functions and places in committees."""

import pytest

from pipelines.state import Place, WantedPost
from pipelines.transform.commissies import WHOLE_CLUB, active_roles, read_places, wanted_commissies

CHAIR = {"FunctionDescription": "Voorzitter", "RelationStart": "2020-01-01T00:00:00", "RelationEnd": None, "Status": "ACTIVE"}
YOUTH = {
    "CommitteeName": "Jeugdcommissie",
    "CommitteeFunctionName": "Lid",
    "PublicCommitteeId": "C7",
    "RelationStart": "2021-05-01",
    "Status": "Actief",
}


def place(commissie=WHOLE_CLUB, role="Voorzitter", sportlink_id="", start_date="2020-01-01", *, is_active=True):
    return Place(
        knvb_id="A1", commissie=commissie, role=role, sportlink_id=sportlink_id, start_date=start_date, is_active=is_active
    )


def test_a_function_is_a_place_in_the_commissie_of_the_whole_club():
    assert read_places("A1", [CHAIR], []) == [place()]


@pytest.mark.parametrize(
    "raw",
    [
        YOUTH,
        {**YOUTH, "CommitteeFunctionName": None, "FunctionDescription": "Lid", "PublicCommitteeId": None, "CommitteeId": "C7"},
    ],
    ids=["its keys", "other keys"],
)
def test_a_committee_is_read_by_either_of_its_keys(raw):
    assert read_places("A1", [], [raw]) == [place("Jeugdcommissie", "Lid", "C7", "2021-05-01")]


def test_two_functions_of_one_person_are_two_places():
    roles = [one.role for one in read_places("A1", [CHAIR, {**CHAIR, "FunctionDescription": "Scheidsrechter"}], [])]

    assert roles == ["Voorzitter", "Scheidsrechter"]


@pytest.mark.parametrize(
    ("status", "end", "is_active"),
    [
        ("ACTIVE", "2030-01-01", True),
        ("Actief", None, True),
        ("ENDED", None, True),
        ("ENDED", "2025-06-30", False),
        (None, "2025-06-30", False),
    ],
)
def test_a_place_is_active_by_its_status_or_while_it_has_no_end(status, end, is_active):
    [found] = read_places("A1", [{**CHAIR, "Status": status, "RelationEnd": end}], [])

    assert found == place(is_active=is_active)


def test_a_place_that_is_over_does_not_hide_that_the_member_has_it_again():
    over = {**CHAIR, "RelationStart": "2015-01-01", "RelationEnd": "2016-01-01", "Status": "ENDED"}

    assert read_places("A1", [CHAIR, over], []) == [place()]


def test_rows_without_a_name_are_no_places_and_without_a_role_they_are_in_no_work_history():
    places = read_places(
        "A1", [{**CHAIR, "FunctionDescription": None}], [{**YOUTH, "CommitteeName": ""}, {**YOUTH, "CommitteeFunctionName": ""}]
    )

    assert places == [place("Jeugdcommissie", "", "C7", "2021-05-01")]
    assert list(active_roles([*places, place(), place(is_active=False)])) == [place()]


def test_every_name_becomes_one_post():
    assert wanted_commissies([place(), place(role="Scheidsrechter"), place("Jeugdcommissie", is_active=False)]) == [
        WantedPost(key=name, name=name, body={"title": name, "status": "publish"}) for name in (WHOLE_CLUB, "Jeugdcommissie")
    ]
