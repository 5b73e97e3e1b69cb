"""Adding to the relationships of a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.transform.relationships import add_relationships

PARENT, CHILD = 2, 3


def row(related, kind, label=""):
    return {"related_person": related, "relationship_type": kind, "relationship_label": label}


@pytest.mark.parametrize("read", [CHILD, [CHILD], str(CHILD), [str(CHILD)]], ids=repr)
def test_a_type_is_read_as_a_number_or_as_a_list(read):
    assert add_relationships({"relationships": [row(5, read)]}, 1, [5], CHILD) is None


@pytest.mark.parametrize("nothing", [[], None, False])
def test_a_person_without_relationships_gets_one(nothing):
    assert add_relationships({"relationships": nothing}, 1, [5], CHILD) == [row(5, [CHILD])]


def test_what_is_there_is_kept_and_written_as_lists():
    present = {"relationships": [row(9, 4, "zus"), row(5, PARENT)]}

    assert add_relationships(present, 1, [5, 6, 6], CHILD) == [
        row(9, [4], "zus"),
        row(5, [PARENT]),
        row(5, [CHILD]),
        row(6, [CHILD]),
    ]


def test_nobody_is_related_to_itself():
    assert add_relationships({"relationships": []}, 1, [1], CHILD) is None
    assert add_relationships({"relationships": [row(1, CHILD)]}, 1, [], CHILD) == []


def test_a_relationship_with_nobody_is_not_written_back():
    assert add_relationships({"relationships": [row(False, CHILD)]}, 1, [5], CHILD) == [row(5, [CHILD])]


_ids = st.integers(min_value=1, max_value=6)


@given(st.lists(st.tuples(_ids, st.sampled_from([PARENT, CHILD]))), _ids, st.lists(_ids))
def test_adding_twice_is_adding_once(present, person_id, related):
    acf = {"relationships": [row(other, kind) for other, kind in present]}

    written = add_relationships(acf, person_id, related, CHILD)

    after = {"relationships": [row(one["related_person"], one["relationship_type"][0]) for one in written]} if written else acf
    if written != []:
        assert add_relationships(after, person_id, related, CHILD) is None
