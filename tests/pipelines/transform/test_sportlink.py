"""Reading a member of Sportlink."""

import pytest

from pipelines.transform.sportlink import MemberRecord, ParentSlot


def test_every_field_is_a_trimmed_text():
    raw = {"FirstName": " Fenna ", "Infix": None, "AddressNumber": 12, "Age": 13.0, "Tooltip": {"a": 1}}

    member = MemberRecord.parse(raw)

    assert member == {"FirstName": "Fenna", "AddressNumber": "12", "Age": "13"}


def test_a_field_that_is_missing_is_empty():
    assert MemberRecord.parse({})["Email"] == ""


def test_an_address_is_compared_trimmed_and_in_lower_case():
    member = MemberRecord.parse({"Email": " Gezin@Voorbeeld.Example "})

    assert member.email == "gezin@voorbeeld.example"


def test_a_text_without_at_sign_is_no_address():
    member = MemberRecord.parse({"Email": "onbekend", "EmailAlternative": "-", "EmailAddressParent1": "geen"})

    assert (member.email, member.alternative_email, list(member.parents())) == ("", "", [])


def test_parents_keep_the_slot_that_their_name_and_phone_stand_in():
    raw = {"NameParent1": "A. Een", "NameParent2": "B. Twee", "EmailAddressParent2": "b@x.example", "TelephoneParent2": "2"}

    assert list(MemberRecord.parse(raw).parents()) == [ParentSlot(name="B. Twee", email="b@x.example", phone="2")]


@pytest.mark.parametrize("knvb_id", ["", "../../etc", "A B", None])
def test_an_id_that_could_not_name_a_file_is_no_id(knvb_id):
    assert MemberRecord.parse({"PublicPersonId": knvb_id}).knvb_id == ""
