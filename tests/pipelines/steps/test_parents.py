"""Parents become persons too, related to their children."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.result import ErrorRecord
from pipelines.result.people import PersonCounts
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import State
from tests.pipelines.steps.filled import download_members, sync_persons

PEOPLE = "/wp-json/wp/v2/people"
PARENT, CHILD = 2, 3
PARENT_IS_REFUSED = Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", subject="S. Ouder", times=None)
LINK_FAILS = Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", method="PUT", subject="K1", times=4)
KIM = {
    "PublicPersonId": "K1",
    "FirstName": "Kim",
    "LastName": "Kind",
    "NameParent1": "S. Ouder",
    "EmailAddressParent1": "o@x.example",
}
LEX = {**KIM, "PublicPersonId": "L2", "FirstName": "Lex", "EmailAddressParent1": "", "EmailAddressParent2": "O@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg"}


def sync(systems, *, force=False):
    download_members(systems)
    return sync_persons(systems, force=force).parents


def counts(*failures, **numbers):
    return PersonCounts(**numbers, failures=list(failures))


def persons(sandbox):
    """All persons by first name."""
    return {one["acf"]["first_name"]: one for one in sandbox.rondo_club.persons()}


def relations(sandbox):
    """Who is what to whom, by first names."""
    names = {one["id"]: name for name, one in persons(sandbox).items()}
    return {
        (name, row["relationship_type"], names.get(row["related_person"]))
        for name, one in persons(sandbox).items()
        for row in one["acf"]["relationships"]
    }


FAMILY = {("Kim", PARENT, "S. Ouder"), ("S. Ouder", CHILD, "Kim")}


def test_a_parent_is_a_person_of_its_own_related_to_its_children_both_ways(systems, club, club_sandbox):
    club(KIM, LEX)

    assert sync(systems) == counts(total=1, created=1)

    parent = persons(club_sandbox)["S. Ouder"]
    assert parent["acf"]["contact_info"] == [{"contact_type": "email", "contact_label": "", "contact_value": "o@x.example"}]
    assert relations(club_sandbox) == FAMILY | {("Lex", PARENT, "S. Ouder"), ("S. Ouder", CHILD, "Lex")}
    assert systems.state.rondo.parents()["o@x.example"].person_id == parent["id"]


def test_a_second_run_writes_nothing_and_a_new_name_writes_one_request(systems, club, club_sandbox, writes):
    club(KIM)
    sync(systems)
    writes()

    assert sync(systems) == counts(total=1, skipped=1)
    assert writes() == []

    # The child's own body does not name its parents, so that it is the parent alone who changed.
    club({**KIM, "NameParent1": "Sam Ouder"})
    assert sync(systems) == counts(total=1, updated=1)
    assert writes() == [f"PUT {PEOPLE}/{persons(club_sandbox)['Sam Ouder']['id']}"]


def test_force_asks_about_every_parent_and_writes_nothing_that_is_right_already(systems, club, club_sandbox, writes):
    club(KIM)
    sync(systems)
    kim = persons(club_sandbox)["Kim"]["id"]
    writes()

    assert sync(systems, force=True) == counts(total=1, skipped=1)
    assert writes() == [f"PUT {PEOPLE}/{kim}"]  # the member itself


def test_a_sibling_that_joins_is_related_too(systems, club, club_sandbox):
    club(KIM)
    sync(systems)

    club(KIM, LEX)

    assert sync(systems) == counts(total=1, updated=1)
    assert relations(club_sandbox) == FAMILY | {("Lex", PARENT, "S. Ouder"), ("S. Ouder", CHILD, "Lex")}


def test_what_is_related_already_is_not_related_again(systems, club, club_sandbox):
    club(KIM)
    sync(systems)
    systems.state.rondo.mark_parent_synced("o@x.example", "something else")

    sync(systems)

    rows = [row for one in club_sandbox.rondo_club.persons() for row in one["acf"]["relationships"]]
    assert len(rows) == 2


def test_relationships_made_by_hand_are_kept(systems, club, club_sandbox):
    club(KIM, BO)
    sync(systems)
    found = persons(club_sandbox)
    rows = [
        {"related_person": found["S. Ouder"]["id"], "relationship_type": [PARENT], "relationship_label": ""},
        {"related_person": found["Bo"]["id"], "relationship_type": [4], "relationship_label": "zus"},
    ]
    systems.rondo_club.update_person(
        found["Kim"]["id"], {"acf": {"first_name": "Kim", "last_name": "Kind", "relationships": rows}}
    )

    club({**KIM, "EmailAddressParent2": "p@x.example", "NameParent2": "P. Twee"}, BO)
    sync(systems)

    assert relations(club_sandbox) == FAMILY | {
        ("Kim", 4, "Bo"),
        ("Kim", PARENT, "P. Twee"),
        ("P. Twee", CHILD, "Kim"),
    }


# ------------------------------------------------------------------------------------------------ whose person a parent is


def test_a_parent_that_is_a_member_is_that_member_and_keeps_its_names(systems, club, club_sandbox):
    club(KIM, {**BO, "Email": "O@x.example"})

    assert sync(systems) == counts(total=1, updated=1)

    assert set(persons(club_sandbox)) == {"Kim", "Bo"}
    assert persons(club_sandbox)["Bo"]["acf"]["last_name"] == "Berg"
    assert relations(club_sandbox) == {("Kim", PARENT, "Bo"), ("Bo", CHILD, "Kim")}


def test_a_parent_is_never_its_own_child(systems, club, club_sandbox):
    club({**KIM, "Email": "o@x.example"})

    assert sync(systems) == counts(total=1, created=1)

    assert relations(club_sandbox) == FAMILY


def test_a_member_that_was_a_parent_is_not_its_own_when_it_gets_one_with_its_address(systems, club):
    kim = {**KIM, "Email": "k@x.example", "EmailAddressParent1": ""}
    club(kim, {**LEX, "NameParent2": "Kim", "EmailAddressParent2": "k@x.example"})
    sync(systems)
    kim_id = systems.state.rondo.person_ids()["K1"]
    assert systems.state.rondo.parents()["k@x.example"].person_id == kim_id

    club({**kim, "EmailAddressParent1": "k@x.example"}, {**LEX, "NameParent2": "Kim", "EmailAddressParent2": "k@x.example"})

    assert sync(systems) == counts(total=1, created=1)
    assert systems.state.rondo.parents()["k@x.example"].person_id != kim_id


def test_a_parent_in_both_slots_is_related_once(systems, club, club_sandbox):
    club({**KIM, "EmailAddressParent2": "o@x.example", "NameParent2": "S. Ouder"})

    assert sync(systems) == counts(total=1, created=1)

    assert relations(club_sandbox) == FAMILY
    assert len(persons(club_sandbox)["Kim"]["acf"]["relationships"]) == 1


def test_a_parent_that_the_club_knows_already_is_that_person(systems, club, club_sandbox):
    contact = [{"contact_type": "email", "contact_label": "", "contact_value": "o@x.example"}]
    known_id = systems.rondo_club.create_person(
        {"status": "publish", "acf": {"first_name": "Sam", "last_name": "Sponsor", "contact_info": contact}}
    )
    club(KIM)

    assert sync(systems) == counts(total=1, updated=1)

    assert persons(club_sandbox)["S. Ouder"]["id"] == known_id
    assert relations(club_sandbox) == FAMILY


def test_a_parent_without_a_name_is_nobody(systems, club, club_sandbox):
    club({**KIM, "NameParent1": ""})

    assert sync(systems) == counts(total=0)

    assert set(persons(club_sandbox)) == {"Kim"}


def test_the_types_of_relationship_are_settings(systems, club, club_sandbox):
    club(KIM)
    sync(systems)

    written = [
        one.body["acf"].get("relationships")
        for one in club_sandbox.requests
        if one.method in {"POST", "PUT"} and one.system == "rondo-club"
    ]
    types = [row["relationship_type"] for rows in written if rows for row in rows]
    assert types == [[systems.settings.rondo_club.child_type], [systems.settings.rondo_club.parent_type]]


# ------------------------------------------------------------------------------------------------ persons that are gone


def test_a_parent_that_was_deleted_is_created_again(systems, club, club_sandbox):
    club(KIM)
    sync(systems)
    systems.rondo_club.delete_person(persons(club_sandbox)["S. Ouder"]["id"])

    club({**KIM, "NameParent1": "Sam Ouder"})

    assert sync(systems) == counts(total=1, created=1)
    assert ("Kim", PARENT, "Sam Ouder") in relations(club_sandbox)


def test_a_child_that_was_deleted_and_created_again_is_related_again(systems, club, club_sandbox):
    club(KIM)
    sync(systems)
    systems.rondo_club.delete_person(persons(club_sandbox)["Kim"]["id"])

    club({**KIM, "City": "Testdorp"})

    assert sync(systems) == counts(total=1, updated=1)
    assert relations(club_sandbox) >= FAMILY


def test_a_child_that_is_found_gone_is_created_by_the_next_run(systems, club, club_sandbox):
    club(KIM)
    sync(systems)
    systems.rondo_club.delete_person(persons(club_sandbox)["Kim"]["id"])
    club({**KIM, "NameParent1": "Sam Ouder"})

    first = sync(systems)
    assert (first, "Kim" in persons(club_sandbox)) == (counts(total=1, updated=1), False)

    assert sync(systems) == counts(total=1, updated=1)
    assert ("Kim", PARENT, "Sam Ouder") in relations(club_sandbox)


# ------------------------------------------------------------------------------------------------ parents that left


def test_a_parent_that_nobody_names_any_more_is_deleted_where_we_made_it(systems, club, club_sandbox):
    club(KIM, {**BO, "NameParent1": "B. Ouder", "EmailAddressParent1": "b@x.example"})
    sync(systems)

    club(KIM, BO)

    assert sync(systems) == counts(total=1, skipped=1, deleted=1)
    assert set(persons(club_sandbox)) == {"Kim", "S. Ouder", "Bo"}
    assert list(systems.state.rondo.parents()) == ["o@x.example"]


def test_a_parent_that_is_a_member_stays_when_nobody_names_it_any_more(systems, club, club_sandbox, writes):
    bo = {**BO, "Email": "b@x.example"}
    club(KIM, {**LEX, "EmailAddressParent2": "b@x.example", "NameParent2": "Bo Berg"}, bo)
    sync(systems)
    writes()

    club(KIM, {**LEX, "EmailAddressParent2": ""}, bo)

    assert sync(systems) == counts(total=1, skipped=1)
    assert writes() == []
    assert "Bo" in persons(club_sandbox)


def test_a_parent_whose_person_became_a_member_stays_when_nobody_names_it_any_more(systems, club, club_sandbox):
    club(KIM, {**BO, "NameParent1": "B. Ouder", "EmailAddressParent1": "b@x.example"})
    sync(systems)
    person_id = persons(club_sandbox)["B. Ouder"]["id"]
    systems.rondo_club.update_person(person_id, {"acf": {"first_name": "Bea", "last_name": "Ouder", "knvb-id": "P9"}})

    club(KIM, BO, {"PublicPersonId": "P9", "FirstName": "Bea", "LastName": "Ouder"})

    assert sync(systems) == counts(total=1, skipped=1)
    assert persons(club_sandbox)["Bea"]["id"] == person_id
    assert list(systems.state.rondo.parents()) == ["o@x.example"]


def test_a_parent_with_a_new_address_that_the_club_knew_before_us_stays_the_same_person(systems, club, club_sandbox):
    club(KIM, {**BO, "NameParent1": "B. Ouder", "EmailAddressParent1": "b@x.example"})
    sync(systems)
    known = persons(club_sandbox)["B. Ouder"]
    contact = [{"contact_type": "email", "contact_label": "", "contact_value": "new@x.example"}]
    names = {"first_name": "B. Ouder", "last_name": ""}
    systems.rondo_club.update_person(known["id"], {"acf": {**names, "contact_info": contact}})

    club(KIM, {**BO, "NameParent1": "B. Ouder", "EmailAddressParent1": "new@x.example"})
    sync(systems)

    assert persons(club_sandbox)["B. Ouder"]["id"] == known["id"]
    club(KIM, BO)
    assert sync(systems).deleted == 1
    assert set(persons(club_sandbox)) == {"Kim", "S. Ouder", "Bo"}


def test_a_parent_that_is_gone_already_is_deleted_without_a_failure(systems, club, club_sandbox):
    club(KIM, {**BO, "NameParent1": "B. Ouder", "EmailAddressParent1": "b@x.example"})
    sync(systems)
    systems.rondo_club.delete_person(persons(club_sandbox)["B. Ouder"]["id"])

    club(KIM, BO)

    assert sync(systems) == counts(total=1, skipped=1, deleted=1)


def test_when_all_parents_are_gone_at_once_all_stay(systems, club, club_sandbox):
    club(KIM)
    sync(systems)

    club({**KIM, "EmailAddressParent1": ""})
    done = sync(systems)

    [failure] = done.failures
    assert done == counts(ErrorRecord(message=failure.text, system="rondoClub"), total=0)
    assert "S. Ouder" in persons(club_sandbox)


# ------------------------------------------------------------------------------------------------ item errors


@pytest.mark.parametrize("club_sandbox", [[PARENT_IS_REFUSED]], indirect=True, ids=["refused"])
def test_a_parent_that_is_refused_is_a_failure_and_is_tried_again(systems, club):
    club(KIM)

    first, second = sync(systems), sync(systems)

    [failure] = first.failures
    assert failure == ErrorRecord(email="o@x.example", message=failure.text, system="rondoClub")
    assert first == second == counts(failure, total=1)


@pytest.mark.parametrize("club_sandbox", [[LINK_FAILS]], indirect=True, ids=["child-cannot-be-written"])
def test_a_parent_whose_child_could_not_be_written_is_not_done(systems, club, club_sandbox):
    club(KIM)

    first = sync(systems)
    assert (first.created, [failure.identifier for failure in first.failures]) == (0, ["o@x.example"])

    assert sync(systems) == counts(total=1, updated=1)
    assert relations(club_sandbox) == FAMILY


SHARING = {**KIM, "Email": "o@x.example"}
ANSWER_IS_LOST = Fault(kind=FaultKind.LOST, system="rondo-club", method="POST", path=PEOPLE, subject="S. Ouder", times=None)


def names(sandbox):
    return sorted(one["acf"]["first_name"] for one in sandbox.rondo_club.persons())


def test_with_a_lost_state_a_parent_that_shares_its_childs_address_is_recognized(systems, club, club_sandbox, tmp_path):
    club(SHARING, BO)
    sync(systems)

    with State.open(tmp_path / "another-machine") as state:
        assert sync(replace(systems, state=state)) == counts(total=1, skipped=1)

    assert names(club_sandbox) == ["Bo", "Kim", "S. Ouder"]


@pytest.mark.parametrize("club_sandbox", [[ANSWER_IS_LOST]], indirect=True, ids=["answer-is-lost"])
def test_a_parent_whose_creation_was_not_answered_is_not_created_again(systems, club, club_sandbox):
    club(SHARING)
    assert [failure.email for failure in sync(systems).failures] == ["o@x.example"]

    sync(systems)
    sync(systems)

    assert names(club_sandbox) == ["Kim", "S. Ouder"]


def test_a_person_that_is_gone_is_nobodys_parent(systems, club, club_sandbox):
    club(SHARING)
    sync(systems)
    parent_id = persons(club_sandbox)["S. Ouder"]["id"]
    sync(systems)
    systems.rondo_club.delete_person(parent_id)

    sync(systems, force=True)

    assert systems.state.rondo.strangers() == {}
    assert names(club_sandbox) == ["Kim", "S. Ouder"]


# ------------------------------------------------------------------------------------------------ a law

ADDRESSES = st.sampled_from(["", "o@x.example", "K1@x.example", "l2@x.example"])
CHILDREN = st.tuples(
    *(
        st.fixed_dictionaries(
            {"Email": ADDRESSES, "EmailAddressParent1": ADDRESSES, "EmailAddressParent2": ADDRESSES},
        ).map(lambda fields, names=names: {**names, **fields, "NameParent2": "T. Ouder"})
        for names in (KIM, LEX)
    )
)


def test_whatever_addresses_families_share_no_parent_is_its_own_child_and_nothing_is_there_twice(systems, club, club_sandbox):
    @settings(max_examples=25)
    @given(CHILDREN)
    def move_addresses(children):
        club(BO, *children)
        sync(systems)
        assert (again := sync(systems)).skipped == again.total

        parents, member_ids = systems.state.rondo.parents(), systems.state.rondo.person_ids()
        for child in children:
            for slot in ("EmailAddressParent1", "EmailAddressParent2"):
                assert not child[slot] or parents[child[slot].lower()].person_id != member_ids[child["PublicPersonId"]]
        for person in club_sandbox.rondo_club.persons():
            rows = [(row["related_person"], row["relationship_type"]) for row in person["acf"]["relationships"]]
            assert len(rows) == len(set(rows))
            assert person["id"] not in dict(rows)

    move_addresses()
