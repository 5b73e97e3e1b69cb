"""Contact fields of both systems, and which of them is right."""

import pytest

from pipelines.state import Change, ContactField
from pipelines.transform.contacts import (
    changed_contacts,
    form_inputs,
    is_difference,
    is_newer,
    latest_changes,
    rondo_club_contacts,
    sportlink_contacts,
)
from pipelines.transform.sportlink import MemberRecord


def change(change_id=1, field_name="phone", value="new", modified_at="2026-02-08T09:00:00"):
    return Change(change_id=change_id, knvb_id="A1", field_name=field_name, value=value, modified_at=modified_at)


def known(rondo_club="old", sportlink="old", modified_at=None):
    return ContactField(rondo_club_value=rondo_club, sportlink_value=sportlink, sportlink_modified_at=modified_at)


def row(kind, value):
    return {"contact_type": kind, "contact_label": "", "contact_value": value}


def test_both_systems_are_read_in_the_same_words():
    record = MemberRecord.parse({"Email": " a@x ", "Telephone": "010-1"})
    person = {"contact_info": [row("email", "a@x"), row("phone", "010-1 "), row("website", "x.example"), row("email", "b@x")]}

    assert sportlink_contacts(record) == {"email": "a@x", "mobile": "", "phone": "010-1"}
    assert rondo_club_contacts(person) == sportlink_contacts(record)
    assert rondo_club_contacts({"contact_info": False}) == {"email": "", "mobile": "", "phone": ""}


def test_a_person_that_is_shown_without_its_contacts_says_nothing_of_them():
    assert rondo_club_contacts({"first_name": "Anne"}) == {}


def test_a_field_is_changed_when_rondo_club_had_another_value():
    fields = {"email": known("a@x"), "mobile": known("06-1"), "phone": known(None)}

    assert changed_contacts(fields, {"email": "a@x", "mobile": "", "phone": "010"}) == {"mobile": ""}
    assert changed_contacts({}, {"email": "a@x"}) == {}


def test_of_several_changes_of_a_field_the_last_one_counts():
    first, second, other = change(1, value="a"), change(2, value="b"), change(3, "email")

    assert latest_changes([first, other, second]) == [second, other]


def test_a_value_that_sportlink_has_already_is_no_difference():
    assert is_difference(change(value="new"), known(sportlink="old"))
    assert not is_difference(change(value="old"), known(sportlink="old"))


@pytest.mark.parametrize(
    ("sportlink_modified_at", "newer"),
    [
        (None, True),
        ("2026-02-08T08:59:00Z", True),
        ("2026-02-08T08:59:54Z", True),
        ("2026-02-08T08:59:55Z", False),
        ("2026-02-08T09:00:00Z", False),
        ("2026-02-08T09:00:05Z", False),
        ("2026-02-08T11:00:00Z", False),
    ],
)
def test_the_last_write_wins_and_at_the_same_moment_sportlink(sportlink_modified_at, newer):
    assert is_newer(change(), known(modified_at=sportlink_modified_at)) is newer


def test_each_field_has_an_input_of_sportlinks_form():
    changes = [change(1, "email", "a@x"), change(2, "mobile", "06-1"), change(3, "phone", "")]

    assert form_inputs(changes) == {"Email": "a@x", "Mobile": "06-1", "Phone": ""}
