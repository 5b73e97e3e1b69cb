"""Spreading addresses over the four Laposta lists."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipelines.state import Subscriber
from pipelines.transform.laposta import LIST_COUNT, build_lists
from pipelines.transform.sportlink import MemberRecord, normalized_email

CHILD = {
    "PublicPersonId": "QXZT41P",
    "FirstName": "Fenna",
    "Infix": "van der",
    "LastName": "Voorbeeld",
    "GenderCode": "Female",
    "DateOfBirth": "2012-03-09",
    "Email": "fenna@x.example",
    "Mobile": "06-1",
    "StreetName": "Dorpsstraat",
    "AddressNumber": 12,
    "ZipCode": "1234 AB",
    "City": "Testdorp",
    "NameParent1": "S. Voorbeeld",
    "EmailAddressParent1": "ouder@x.example",
    "TelephoneParent1": "06-2",
    "MemberSince": "2019-08-01",
    "AgeClassDescription": "Onder 14",
    "UnionTeams": "MO15-1, JO14-2",
    "PersonImageDate": "2024-09-02",
}
CHILD_FIELDS = {
    "voornaam": "Fenna",
    "tussenvoegsel": "van der",
    "achternaam": "Voorbeeld",
    "geboortedatum": "2012-03-09",
    "team": "MO15-1, JO14-2",
    "geslacht": "V",
    "leeftijdscategorie": "Onder 14",
    "relatiecode": "QXZT41P",
    "datumpasfoto": "2024-09-02",
    "lidsinds": "2019-08-01",
    "mobielnummer": "06-1",
    "straatnaam": "Dorpsstraat",
    "huisnummer": "12",
    "postcode": "1234 AB",
    "plaats": "Testdorp",
    "naamouder1": "S. Voorbeeld",
    "telefoonouder1": "06-2",
    "huidigvrijwilliger": "0",
}


def member(knvb_id="M1", **fields):
    return MemberRecord.parse({"PublicPersonId": knvb_id, "FirstName": knvb_id.title(), **fields})


def first_list(*members, volunteers=()):
    return {subscriber.email: dict(subscriber.custom_fields) for subscriber in build_lists(members, volunteers).lists[0]}


def addresses(*members):
    return [[subscriber.email for subscriber in one] for one in build_lists(members, ()).lists]


# ------------------------------------------------------------------------------------------------ the fields


def test_a_member_and_its_parent_become_two_subscribers():
    built = build_lists([MemberRecord.parse(CHILD)], volunteers=())

    parent_fields = CHILD_FIELDS | {
        "voornaam": "S. Voorbeeld",
        "tussenvoegsel": "",
        "achternaam": "",
        "datumpasfoto": "",
        "geslacht": "",
        "geboortedatum": "",
        "lidsinds": "",
        "mobielnummer": "",
        "telefoonnummer": "06-2",
        "oudervan": "Fenna van der Voorbeeld",
    }
    del parent_fields["naamouder1"], parent_fields["telefoonouder1"]
    assert built.lists == (
        (
            Subscriber(email="fenna@x.example", custom_fields=CHILD_FIELDS),
            Subscriber(email="ouder@x.example", custom_fields=parent_fields),
        ),
        (),
        (),
        (),
    )
    assert built.excluded == 0


def test_a_volunteer_is_marked_and_its_parents_are_not():
    lists = first_list(MemberRecord.parse(CHILD), volunteers={"QXZT41P"})

    assert {email: fields["huidigvrijwilliger"] for email, fields in lists.items()} == {
        "fenna@x.example": "1",
        "ouder@x.example": "0",
    }


def test_a_gender_that_laposta_does_not_know_stays_as_it_is():
    assert first_list(member(Email="a@x", GenderCode="Unknown"))["a@x"]["geslacht"] == "Unknown"


def test_a_parent_without_a_name_is_named_after_the_child():
    fields = first_list(member("fenna", Infix="de", LastName="Wit", EmailAddressParent1="o@x"))["o@x"]

    assert (fields["voornaam"], fields["tussenvoegsel"], fields["achternaam"]) == ("Ouder/verzorger van Fenna", "de", "Wit")


def test_a_parent_whose_address_a_member_owns_has_the_name_of_that_member_and_keeps_the_fields():
    owner = member("owner", LastName="Eigen", Email="main@x", EmailAlternative="o@x")
    child = member("child", Email="c@x", EmailAddressParent1="o@x", NameParent1="Anders", Mobile="06", MemberSince="2020-01-01")

    fields = build_lists([child, owner], ()).lists[0][1].custom_fields

    assert fields == {
        "voornaam": "Owner",
        "tussenvoegsel": "",
        "achternaam": "Eigen",
        "relatiecode": "child",
        "mobielnummer": "06",
        "lidsinds": "2020-01-01",
        "huidigvrijwilliger": "0",
        "oudervan": "Child",
        "team": "",
        "leeftijdscategorie": "",
    }


def test_a_parent_speaks_of_all_its_children():
    one = member("een", EmailAddressParent1="o@x", UnionTeams="JO9-1", AgeClassDescription="Onder 9")
    two = member("twee", EmailAddressParent2="O@x ", UnionTeams="JO9-1, MO11-1", AgeClassDescription="Onder 11")

    fields = first_list(one, two)["o@x"]

    assert (fields["oudervan"], fields["team"], fields["leeftijdscategorie"]) == (
        "Een, Twee",
        "JO9-1, MO11-1",
        "Onder 9, Onder 11",
    )


def test_a_member_that_is_somebody_elses_parent_speaks_of_the_children_too():
    mother = member("moeder", Email="m@x", UnionTeams="VR1", AgeClassDescription="Senioren")
    child = member("kind", EmailAddressParent1="m@x", UnionTeams="JO9-1", AgeClassDescription="Onder 9")

    fields = first_list(mother, child)["m@x"]

    assert (fields["oudervan"], fields["team"], fields["leeftijdscategorie"]) == ("Kind", "VR1, JO9-1", "Senioren, Onder 9")


def test_a_member_is_not_its_own_parent():
    assert "oudervan" not in first_list(member(Email="a@x", EmailAddressParent1="a@x"))["a@x"]


# ------------------------------------------------------------------------------------------------ who is on which list


def test_the_same_address_twice_within_one_member_counts_once():
    twice = member(Email="a@x", EmailAlternative="A@x", EmailAddressParent1="p@x", EmailAddressParent2="p@x")

    assert addresses(twice) == [["a@x", "p@x"], [], [], []]


def test_a_parent_whose_address_is_somebodys_primary_one_is_no_subscriber_of_its_own():
    child = member("kind", EmailAddressParent1="m@x")
    mother = member("moeder", Email="m@x")

    assert addresses(child, mother) == [["m@x"], [], [], []]


def test_a_parent_of_several_children_is_on_one_list():
    assert addresses(member("een", EmailAddressParent1="o@x"), member("twee", EmailAddressParent1="o@x")) == [["o@x"], [], [], []]


def test_the_kth_member_with_an_address_is_on_list_k_and_the_fifth_on_none():
    family = [member(f"M{n}", Email="gezin@x") for n in range(1, 6)]

    built = build_lists(family, ())

    assert [[one.custom_fields["relatiecode"] for one in subscribers] for subscribers in built.lists] == [
        ["M1"],
        ["M2"],
        ["M3"],
        ["M4"],
    ]
    assert built.excluded == 1


_few = st.sampled_from(["", "onbekend", "a@x", "B@x", "b@x ", "c@x", "d@x"])
_members = st.lists(
    st.fixed_dictionaries(
        {
            "Email": _few,
            "EmailAlternative": _few,
            "EmailAddressParent1": _few,
            "EmailAddressParent2": _few,
            "NameParent1": st.sampled_from(["", "Ouder"]),
        }
    ),
    max_size=12,
).map(lambda rows: [member(f"M{number}", **row) for number, row in enumerate(rows)])


@given(_members)
def test_no_list_has_an_address_twice(members):
    for one in addresses(*members):
        assert len(one) == len(set(one))


@given(_members)
def test_an_address_that_occurs_k_times_is_on_the_lists_1_to_k_and_the_rest_is_counted(members):
    own = Counter(email for one in members for email in {one.email, one.alternative_email} - {""})
    primaries = {one.email for one in members}
    parents = {parent.email for one in members for parent in one.parents() if parent.email != one.alternative_email} - primaries
    expected = own + Counter(parents)

    built = build_lists(members, ())

    for index, one in enumerate(built.lists, start=1):
        assert {subscriber.email for subscriber in one} == {email for email, k in expected.items() if k >= index}
    assert built.excluded == sum(max(0, k - LIST_COUNT) for k in expected.values())


@given(_members)
def test_every_subscriber_speaks_of_exactly_the_other_members_whose_parent_it_is(members):
    for one in build_lists(members, ()).lists:
        for subscriber in one:
            owner = next(each for each in members if each.knvb_id == subscriber.custom_fields["relatiecode"])
            is_parent = subscriber.email not in (owner.email, owner.alternative_email)
            children = [
                each.name
                for each in members
                if subscriber.email in {normalized_email(each[f"EmailAddressParent{n}"]) for n in (1, 2)}
                and (is_parent or each is not owner)
            ]
            assert subscriber.custom_fields.get("oudervan", "") == ", ".join(children)
