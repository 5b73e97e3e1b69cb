"""What is remembered about members and parents."""

from dataclasses import replace

import pytest

from pipelines.state import Member, Parent, PhotoState, RemotePerson, WantedMember, source_hash
from pipelines.state.hashing import canonical_json

BODY = {"acf": {"first_name": "Fenna"}}
WANTED = WantedMember(knvb_id="A1", email="a@x", body=BODY, image_date="2024-09-02", photo_state=PhotoState.PENDING_DOWNLOAD)
MEMBER = Member(
    knvb_id="A1",
    person_id=None,
    email="a@x",
    data_json=canonical_json(BODY),
    source_hash=source_hash({"knvb_id": "A1", "data": BODY}),
    last_synced_hash=None,
    image_date="2024-09-02",
    photo_state=PhotoState.PENDING_DOWNLOAD,
)
SYNCED = replace(MEMBER, person_id=7, last_synced_hash=MEMBER.source_hash)


@pytest.fixture
def rondo(state):
    return state.rondo


# ------------------------------------------------------------------------------------------------ members


def test_a_new_member_has_no_person_and_is_changed(rondo):
    rondo.store_members([WANTED])

    assert rondo.members() == [MEMBER]
    assert MEMBER.is_changed


def test_a_member_that_was_synced_is_changed_again_when_its_body_is(rondo):
    rondo.store_members([WANTED])
    rondo.mark_member_synced(MEMBER, 7)
    rondo.store_members([WANTED])
    assert rondo.members() == [SYNCED]
    assert not SYNCED.is_changed

    rondo.store_members([replace(WANTED, body={"acf": {}})])

    [member] = rondo.members()
    assert (member.person_id, member.is_changed) == (7, True)


def test_a_person_that_is_gone_is_forgotten_with_its_photo(rondo):
    rondo.store_members([WANTED, replace(WANTED, knvb_id="B2")])
    rondo.mark_member_synced(MEMBER, 7)
    rondo.set_photo_state("A1", PhotoState.SYNCED)
    rondo.store_parents({"p@x": {}})
    rondo.set_parent_person("p@x", 7, owns_person=False)
    rondo.mark_parent_synced("p@x", "hash")

    rondo.forget_person(7)

    assert rondo.members()[0] == MEMBER
    assert rondo.parents() == {"p@x": Parent(email="p@x", person_id=None, owns_person=False, last_synced_hash=None)}


def test_of_a_member_that_left_only_the_person_is_kept(rondo):
    rondo.store_members([WANTED])
    rondo.mark_member_synced(MEMBER, 7)

    rondo.mark_member_left("A1")

    kept = rondo._connection.execute("SELECT rondo_club_id, email, data_json FROM rondo_club_members").fetchall()
    assert (rondo.members(), [tuple(row) for row in kept]) == ([], [(7, None, "{}")])


def test_a_member_that_comes_back_has_its_person_and_is_changed(rondo):
    rondo.store_members([WANTED])
    rondo.mark_member_synced(MEMBER, 7)
    rondo.mark_member_left("A1")

    rondo.store_members([WANTED])

    assert rondo.members() == [replace(SYNCED, last_synced_hash=None)]


def test_members_are_found_by_the_state_of_their_photo(rondo):
    rondo.store_members([WANTED, replace(WANTED, knvb_id="B2")])

    rondo.set_photo_state("B2", PhotoState.DOWNLOADED)

    assert [member.knvb_id for member in rondo.members_with_photo(PhotoState.DOWNLOADED)] == ["B2"]


# ------------------------------------------------------------------------------------------------ what Rondo Club tells


def test_a_person_that_exists_already_is_the_member_when_it_comes(rondo):
    rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=True)])
    assert (rondo.members(), rondo.volunteers()) == ([], {"A1"})

    rondo.store_members([WANTED])

    assert rondo.members() == [replace(MEMBER, person_id=7)]


def test_up_to_when_modifications_were_read_is_remembered(rondo):
    assert rondo.refreshed_until() is None

    rondo.mark_refreshed(until="2026-02-08T09:00:00Z")
    rondo.mark_refreshed(until="2026-02-09T09:00:00Z")

    assert rondo.refreshed_until() == "2026-02-09T09:00:00Z"


def test_an_id_that_is_known_stays_when_there_is_a_second_person(rondo):
    rondo.store_members([WANTED])
    rondo.mark_member_synced(MEMBER, 7)

    rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=8, is_volunteer=True)])

    assert (rondo.members(), rondo.volunteers()) == ([SYNCED], frozenset())


def test_the_volunteer_flag_changes_without_the_member(rondo):
    rondo.store_members([WANTED])
    rondo.mark_member_synced(MEMBER, 7)

    rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=True)])
    assert (rondo.members(), rondo.volunteers()) == ([SYNCED], {"A1"})

    rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=False)])
    assert rondo.volunteers() == frozenset()


def test_before_the_first_refresh_nothing_was_read(rondo):
    assert rondo.refreshed_until() is None


# ------------------------------------------------------------------------------------------------ parents


def test_a_parent_is_remembered_with_its_children_and_its_person(rondo):
    rondo.store_parents({"p@x": {"data": {"name": "P"}, "childKnvbIds": ["A1"]}})
    rondo.set_parent_person("p@x", 9, owns_person=True)
    rondo.mark_parent_synced("p@x", "hash")

    rondo.store_parents({"p@x": {"data": {"name": "P"}, "childKnvbIds": ["A1", "B2"]}})

    assert rondo.parents() == {"p@x": Parent(email="p@x", person_id=9, owns_person=True, last_synced_hash="hash")}
    data = rondo._connection.execute("SELECT data_json FROM rondo_club_parents").fetchone()[0]
    assert data == '{"childKnvbIds":["A1","B2"],"data":{"name":"P"}}'


def test_a_parent_can_be_forgotten(rondo):
    rondo.store_parents({"p@x": {}, "q@x": {}})

    rondo.delete_parent("p@x")

    assert list(rondo.parents()) == ["q@x"]
