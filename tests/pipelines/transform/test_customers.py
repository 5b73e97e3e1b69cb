"""Members as customers of FreeScout."""

import json
from dataclasses import replace

from pipelines.settings import FreeScoutFields
from pipelines.state import Contribution, Customer, Member, PhotoState, WantedCustomer
from pipelines.transform.customers import customer_fields, customer_names, wanted_customer

ACF = {
    "first_name": "Fenna",
    "infix": "van der",
    "last_name": "Voorbeeld",
    "lid-sinds": "2019-08-01",
    "contact_info": [{"contact_type": "mobile", "contact_label": "", "contact_value": "06-1"}],
}
MEMBER = Member(
    knvb_id="A1",
    person_id=7,
    email="fenna@x",
    data_json=json.dumps({"acf": ACF}),
    source_hash="",
    last_synced_hash=None,
    image_date=None,
    photo_state=PhotoState.NO_PHOTO,
)
LINE = Contribution(knvb_id="A1", year=2026, nikki_id="N-1", saldo=12.5, hoofdsom=None, status="Openstaand")
CUSTOMER_DATA = {
    "firstName": "Fenna",
    "lastName": "Voorbeeld",
    "mobile": "06-1",
    "customFields": {
        "union_teams": "JO14-2, MO15-1",
        "public_person_id": "A1",
        "member_since": "2019-08-01",
        "nikki_saldo": "25.5",
        "nikki_status": "Openstaand",
    },
}


def wanted(member=MEMBER, teams=(), contributions=(), freescout_id=None):
    return wanted_customer(member, teams=teams, contributions=contributions, freescout_id=freescout_id)


def test_a_member_is_a_customer_with_its_teams_and_what_it_owes_of_the_latest_year():
    lines = [replace(LINE, year=2025, saldo=99.0), LINE, replace(LINE, nikki_id="N-2", saldo=13.0, status="Betaald")]

    customer = wanted(teams=["JO14-2", "MO15-1"], contributions=lines, freescout_id=183)

    assert customer == WantedCustomer(knvb_id="A1", email="fenna@x", freescout_id=183, data=CUSTOMER_DATA)


def test_what_is_not_known_of_a_member_is_empty():
    member = replace(MEMBER, data_json=json.dumps({"acf": {"first_name": "Fenna", "last_name": "", "contact_info": []}}))

    assert wanted(member).data == {
        "firstName": "Fenna",
        "lastName": "",
        "mobile": None,
        "customFields": {
            "union_teams": "",
            "public_person_id": "A1",
            "member_since": "",
            "nikki_saldo": "",
            "nikki_status": "",
        },
    }


def test_a_saldo_of_nothing_is_a_text_too():
    assert wanted(contributions=[replace(LINE, saldo=0.0)]).data["customFields"]["nikki_saldo"] == "0"


def test_a_member_without_an_address_is_no_customer():
    assert wanted(replace(MEMBER, email=None)) is None


def test_a_customer_is_told_to_freescout_in_its_own_words():
    ids = FreeScoutFields(union_teams=1, public_person_id=4, member_since=5, nikki_saldo=7, nikki_status=8)
    customer = Customer(
        knvb_id="A1", email="fenna@x", freescout_id=183, data=CUSTOMER_DATA, source_hash="", last_synced_hash=None
    )

    assert customer_names(customer) == {"first_name": "Fenna", "last_name": "Voorbeeld", "mobile": "06-1", "subject": "A1"}
    assert customer_fields(customer, ids) == {1: "JO14-2, MO15-1", 4: "A1", 5: "2019-08-01", 7: "25.5", 8: "Openstaand"}
