"""Collecting the parents of members, each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.transform.parents import ParentRecord, collect_parents, parent_body, parent_update
from pipelines.transform.sportlink import MemberRecord

ADDRESS = {"address_label": "", "street": "Laan 1", "postal_code": "", "city": "Dorp", "country": "Nederland"}
PARENT = ParentRecord(email="o@x", name="S. Ouder", phones=("1", "2"), address=(ADDRESS,), child_knvb_ids=("K1", "K2"))


def child(knvb_id, **fields):
    return MemberRecord.parse({"PublicPersonId": knvb_id, "FirstName": knvb_id, **fields})


def test_a_parent_is_put_together_from_all_its_children():
    first = child(
        "K1",
        StreetName="Laan",
        AddressNumber=1,
        City="Dorp",
        NameParent1="S. Ouder",
        EmailAddressParent1="o@x",
        TelephoneParent1="1",
    )
    second = child("K2", City="Elders", NameParent2="Sam Ouder", EmailAddressParent2=" O@X", TelephoneParent2="2")

    assert collect_parents([first, second]) == [PARENT]


def test_a_child_that_names_a_parent_in_both_slots_is_its_child_once():
    both = child(
        "K1", NameParent1="A", EmailAddressParent1="o@x", EmailAddressParent2="o@x", TelephoneParent1="1", TelephoneParent2="1"
    )

    assert collect_parents([both]) == [ParentRecord(email="o@x", name="A", phones=("1",), address=(), child_knvb_ids=("K1",))]


def test_there_is_no_parent_without_a_name():
    assert collect_parents([child("K1", EmailAddressParent1="o@x")]) == []


def test_a_child_that_does_not_name_the_parent_is_its_child_all_the_same():
    nameless = child("K1", EmailAddressParent1="o@x")
    named = child("K2", EmailAddressParent1="o@x", NameParent1="A")

    assert collect_parents([nameless, named])[0].child_knvb_ids == ("K1", "K2")


@pytest.mark.parametrize("fields", [{"PublicPersonId": ""}, {"FirstName": ""}])
def test_a_child_that_is_no_person_has_no_parents(fields):
    assert collect_parents([child("K1", EmailAddressParent1="o@x", NameParent1="A", **fields)]) == []


def test_the_whole_name_is_the_first_name_of_a_new_parent():
    assert parent_body(PARENT, [11, 12], 3) == {
        "status": "publish",
        "acf": {
            "first_name": "S. Ouder",
            "last_name": "",
            "contact_info": [
                {"contact_type": "email", "contact_label": "", "contact_value": "o@x"},
                {"contact_type": "phone", "contact_label": "", "contact_value": "1"},
                {"contact_type": "phone", "contact_label": "", "contact_value": "2"},
            ],
            "addresses": [ADDRESS],
            "relationships": [
                {"related_person": 11, "relationship_type": [3], "relationship_label": ""},
                {"related_person": 12, "relationship_type": [3], "relationship_label": ""},
            ],
        },
    }


def test_an_update_gives_a_pure_parent_its_name_and_leaves_the_relationships_alone():
    acf = {"first_name": "Oud", "last_name": "Naam", "knvb-id": ""}

    assert parent_update(PARENT, acf, None) == {"acf": {"first_name": "S. Ouder", "last_name": ""}}


def test_an_update_leaves_a_member_its_names():
    acf = {"first_name": "Sam", "last_name": "Ouder", "knvb-id": "A1B2"}

    assert parent_update(PARENT, acf, [{"row": 1}]) == {
        "acf": {"first_name": "Sam", "last_name": "Ouder", "relationships": [{"row": 1}]}
    }


def test_a_parent_that_is_up_to_date_needs_no_update():
    assert parent_update(PARENT, {"first_name": "S. Ouder", "last_name": ""}, None) is None


_few = st.sampled_from(["", "geen", "a@x", "A@x ", "b@x", "c@x"])
_children = st.lists(
    st.fixed_dictionaries(
        {"EmailAddressParent1": _few, "EmailAddressParent2": _few, "NameParent1": st.sampled_from(["", "A", "B"])}
    ),
    max_size=10,
).map(lambda rows: [child(f"K{number % 7}", **row) for number, row in enumerate(rows)])


@given(_children)
def test_an_address_is_one_parent_and_a_child_is_its_child_once(children):
    parents = collect_parents(children)

    assert len({parent.email for parent in parents}) == len(parents)
    for parent in parents:
        naming = [one.knvb_id for one in children if parent.email in {slot.email for slot in one.parents()}]
        assert parent.child_knvb_ids == tuple(dict.fromkeys(naming))
        assert parent.name
