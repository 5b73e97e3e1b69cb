"""Making a person of Rondo Club from a member of Sportlink."""

import pytest

from pipelines.state import Change, RemotePerson
from pipelines.transform.person import is_person, keep_changes, partial_body, person_body, remote_person
from pipelines.transform.sportlink import MemberRecord

MEMBER = {
    "PublicPersonId": "QXZT41P",
    "FirstName": " Fenna ",
    "Infix": "Van Der",
    "LastName": "Voorbeeld",
    "GenderCode": "Female",
    "DateOfBirth": "2012-03-09",
    "DateOfPassing": None,
    "Email": "Gezin@voorbeeld.example",
    "Mobile": "06-00000001",
    "Telephone": "",
    "StreetName": "Dorpsstraat",
    "AddressNumber": 12,
    "AddressNumberAppendix": "a",
    "ZipCode": "1234 AB",
    "City": "Testdorp",
    "MemberSince": "2019-08-01",
    "RelationEnd": None,
    "AgeClassDescription": "Onder 14",
    "TypeOfMemberDescription": "Bondslid",
    "PersonImageDate": "2024-09-02",
}


def test_a_member_becomes_a_person():
    assert person_body(MemberRecord.parse(MEMBER)) == {
        "status": "publish",
        "acf": {
            "first_name": "Fenna",
            "infix": "van der",
            "last_name": "Voorbeeld",
            "knvb-id": "QXZT41P",
            "gender": "female",
            "birth_year": 2012,
            "birthdate": "2012-03-09",
            "contact_info": [
                {"contact_type": "email", "contact_label": "", "contact_value": "Gezin@voorbeeld.example"},
                {"contact_type": "mobile", "contact_label": "", "contact_value": "06-00000001"},
            ],
            "addresses": [
                {
                    "address_label": "",
                    "street": "Dorpsstraat 12 a",
                    "postal_code": "1234 AB",
                    "city": "Testdorp",
                    "country": "Nederland",
                }
            ],
            "lid-sinds": "2019-08-01",
            "lid-tot": "",
            "leeftijdsgroep": "Onder 14",
            "type-lid": "Bondslid",
            "datum-foto": "2024-09-02",
            "former_member": False,
        },
    }


def test_what_is_empty_is_left_out_but_both_names_and_the_end_of_the_membership():
    assert person_body(MemberRecord.parse({"PublicPersonId": "A1B2", "FirstName": "Bo"})) == {
        "status": "publish",
        "acf": {
            "first_name": "Bo",
            "last_name": "",
            "knvb-id": "A1B2",
            "lid-tot": "",
            "former_member": False,
            "contact_info": [],
            "addresses": [],
        },
    }


@pytest.mark.parametrize(
    ("date", "birth"),
    [("2012-03-09T00:00:00", {"birth_year": 2012}), ("1950", {"birth_year": 1950}), ("09-03-2012", {}), ("", {})],
)
def test_a_birth_date_in_another_form_gives_at_most_the_year(date, birth):
    acf = person_body(MemberRecord.parse({**MEMBER, "DateOfBirth": date}))["acf"]

    assert {name: acf[name] for name in ("birth_year", "birthdate") if name in acf} == birth


@pytest.mark.parametrize("missing", ["PublicPersonId", "FirstName"])
def test_a_member_without_id_or_first_name_is_no_person(missing):
    assert is_person(MemberRecord.parse(MEMBER))
    assert not is_person(MemberRecord.parse({**MEMBER, missing: " "}))


def test_a_partial_body_carries_both_names_inside_acf():
    acf = {"first_name": "Fenna", "last_name": "Voorbeeld", "infix": "van der"}

    assert partial_body(acf, former_member=True) == {
        "acf": {"first_name": "Fenna", "last_name": "Voorbeeld", "former_member": True}
    }


@pytest.mark.parametrize(("flag", "is_volunteer"), [("1", True), ("0", False), (1, True), ("", False), (None, False)], ids=repr)
def test_a_person_says_whether_it_is_a_volunteer(flag, is_volunteer):
    person = {"id": 7, "acf": {"knvb-id": "A1B2", "huidig-vrijwilliger": flag}}

    assert remote_person(person) == RemotePerson(knvb_id="A1B2", person_id=7, is_volunteer=is_volunteer)


def test_a_person_without_knvb_id_never_was_a_member():
    assert remote_person({"id": 7, "acf": {"knvb-id": ""}}) is None


def change(field_name, value):
    return Change(change_id=1, knvb_id="QXZT41P", field_name=field_name, value=value, modified_at="")


def test_a_change_that_waits_to_be_pushed_wins_over_sportlink():
    body = person_body(MemberRecord.parse(MEMBER))

    kept = keep_changes(body, [change("phone", "010"), change("mobile", ""), change("email", "een@x")])

    assert kept["acf"]["contact_info"] == [
        {"contact_type": "email", "contact_label": "", "contact_value": "een@x"},
        {"contact_type": "phone", "contact_label": "", "contact_value": "010"},
    ]
    assert {**kept["acf"], "contact_info": body["acf"]["contact_info"]} == body["acf"]


def test_without_changes_the_body_stays_as_it_is():
    body = person_body(MemberRecord.parse(MEMBER))

    assert keep_changes(body, []) == body
