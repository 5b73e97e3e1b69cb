"""What is remembered of functions, places in committees and free fields."""

from dataclasses import replace

import pytest

from pipelines.state import FreeFields, Place, RemotePerson, WantedMember, source_hash
from pipelines.state.rondo import PhotoState

CHAIR = Place(
    knvb_id="A1", commissie="Verenigingsbreed", role="Voorzitter", sportlink_id="", start_date="2020-01-01", is_active=True
)
MEMBER = replace(CHAIR, commissie="Jeugd", role="Lid", sportlink_id="C7")
OTHER = replace(MEMBER, knvb_id="B2")
FIELDS = {"freescout-id": 7}


@pytest.fixture
def functions(state):
    """A1 is a member with a person."""
    wanted = WantedMember(knvb_id="A1", email=None, body={}, image_date=None, photo_state=PhotoState.NO_PHOTO)
    state.rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=False)])
    state.rondo.store_members([wanted])
    return state.functions


def test_places_are_added_and_those_of_replaced_members_are_dropped(functions):
    functions.store([CHAIR, OTHER], {})

    functions.store([replace(CHAIR, is_active=False)], {})
    assert functions.places() == [OTHER, replace(CHAIR, is_active=False)]

    functions.store([MEMBER], {}, replaced=["A1"])
    assert functions.places() == [MEMBER, OTHER]


def test_fields_are_unsynced_until_the_person_has_them_in_their_form(functions):
    functions.store([], {"A1": FIELDS, "B2": FIELDS})
    [fields] = functions.unsynced_fields()
    assert fields == FreeFields(knvb_id="A1", fields=FIELDS, source_hash=source_hash(FIELDS))

    functions.mark_fields_synced(fields, 7)
    assert (functions.unsynced_fields(), functions.unsynced_fields(force=True)) == ([], [fields])

    functions.store([], {"A1": {"freescout-id": 8}})
    assert [one.fields for one in functions.unsynced_fields()] == [{"freescout-id": 8}]


def test_fields_are_unsynced_again_when_the_member_has_another_person(functions, state):
    functions.store([], {"A1": FIELDS})
    functions.mark_fields_synced(functions.unsynced_fields()[0], 7)

    state.rondo.forget_person(7)
    assert functions.unsynced_fields() == []
    state.rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=8, is_volunteer=False)])

    assert [one.knvb_id for one in functions.unsynced_fields()] == ["A1"]


def test_freescout_ids_are_those_that_are_filled(functions):
    functions.store([], {"A1": FIELDS, "B2": {"freescout-id": None}, "C3": {}})

    assert functions.freescout_ids() == {"A1": 7}
