"""What is remembered about contact fields."""

import pytest

from pipelines.state import Change, ContactField, PhotoState, RemotePerson, WantedMember

AT = "2026-02-08T08:00:00"


@pytest.fixture
def contacts(state):
    wanted = WantedMember(knvb_id="A1", email=None, body={}, image_date=None, photo_state=PhotoState.NO_PHOTO)
    state.rondo.store_members([wanted])
    state.rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=False)])
    state.contacts.note_sportlink({"A1": {"phone": "010"}})
    state.contacts.note_rondo_club("A1", {"phone": "010"})
    return state.contacts


def change(change_id=1, value="020"):
    return Change(change_id=change_id, knvb_id="A1", field_name="phone", value=value, modified_at=AT)


def field(rondo_club="010", sportlink="010", modified_at=None):
    return {"phone": ContactField(rondo_club_value=rondo_club, sportlink_value=sportlink, sportlink_modified_at=modified_at)}


def test_a_field_is_what_both_systems_had_last(contacts):
    assert contacts.fields("A1") == contacts.fields("A1", person_id=7) == field()
    assert contacts.fields("B2") == contacts.fields("A1", person_id=8) == {}


def test_a_value_of_sportlink_is_modified_when_it_is_another_one(contacts):
    contacts.note_sportlink({"A1": {"phone": "010"}})
    assert contacts.fields("A1") == field()

    contacts.note_sportlink({"A1": {"phone": "030"}})
    contacts.note_sportlink({"A1": {"phone": "030"}})

    [one] = contacts.fields("A1").values()
    assert (one.sportlink_value, one.sportlink_modified_at is None) == ("030", False)


def test_a_change_is_pending_until_it_is_pushed_and_then_sportlink_has_it(contacts):
    contacts.add_changes("A1", {"phone": "020"}, modified_at=AT)
    assert (contacts.changed_members(), contacts.pending_changes("A1")) == (["A1"], [change()])
    assert contacts.fields("A1") == field(rondo_club="020")

    contacts.mark_pushed([change()])

    assert (contacts.changed_members(), contacts.pending_changes("A1")) == ([], [])
    [one] = contacts.fields("A1").values()
    assert (one.sportlink_value, one.sportlink_modified_at is None) == ("020", False)


def test_a_change_that_is_settled_leaves_sportlink_as_it_is(contacts):
    contacts.add_changes("A1", {"phone": "020"}, modified_at=AT)
    contacts.add_changes("A1", {"phone": "030"}, modified_at=AT)

    contacts.settle([change()])

    assert contacts.pending_changes("A1") == [change(2, "030")]
    assert contacts.fields("A1") == field(rondo_club="030")


def test_a_change_remembers_what_was_there_before(contacts):
    contacts.add_changes("A1", {"phone": "020"}, modified_at=AT)

    [row] = contacts._connection.execute("SELECT old_value, new_value FROM rondo_club_change_detections").fetchall()
    assert tuple(row) == ("010", "020")


def test_who_left_has_no_fields_and_no_changes(contacts, state):
    contacts.add_changes("A1", {"phone": "020"}, modified_at=AT)

    state.rondo.mark_member_left("A1")

    assert (contacts.changed_members(), contacts.fields("A1")) == ([], {})
