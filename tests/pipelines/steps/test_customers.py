"""Members as customers of FreeScout."""

from dataclasses import replace

import pytest

from pipelines.errors import EmptyDownloadError, FreeScoutError
from pipelines.result import ErrorRecord
from pipelines.result.freescout import CustomersResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import Contribution
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_members, sync_customers, sync_persons

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Appel", "Email": "Anne@x.example", "Mobile": "06-1"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example", "MemberSince": "2019-08-01"}
DUO = {**BO, "Email": "anne@x.example"}


def fault(kind, **more):
    return Fault(kind=kind, system="freescout", **more)


def counts(**known):
    return CustomersResult(**{"failures": [], **known})


@pytest.fixture
def members(systems, club):
    """Makes these the members, with persons in Rondo Club."""

    def set_members(*records):
        club(*records)
        download_members(systems)
        sync_persons(systems)

    return set_members


@pytest.fixture
def asked(club_sandbox):
    """Gives what FreeScout was asked since the last time: method, path and body."""
    seen = 0

    def take():
        nonlocal seen
        received = [one for one in club_sandbox.requests if one.system == "freescout"]
        new, seen = received[seen:], len(received)
        return [(one.method, one.path.removeprefix("/api/"), one.body) for one in new]

    return take


def fields(union_teams="", public_person_id="A1", member_since="", nikki_saldo="", nikki_status=""):
    values = {1: union_teams, 4: public_person_id, 5: member_since, 7: nikki_saldo, 8: nikki_status}
    return {"customerFields": [{"id": field_id, "value": value} for field_id, value in values.items()]}


def ids(systems):
    return {knvb_id: customer.freescout_id for knvb_id, customer in systems.state.freescout.customers().items()}


def emails(sandbox):
    shown = [customer["_embedded"]["emails"] for customer in sandbox.freescout.customers()]
    return [email["value"] for rows in shown for email in rows]


def shown(sandbox):
    """First name and KNVB id of each customer."""
    fields = [{field["id"]: field["value"] for field in customer["customerFields"]} for customer in sandbox.freescout.customers()]
    names = [customer["firstName"] for customer in sandbox.freescout.customers()]
    return [(name, values[4]) for name, values in zip(names, fields, strict=True)]


# ------------------------------------------------------------------------------------------------ who is written


def test_a_member_becomes_a_customer_with_its_own_fields(systems, members, asked):
    members(ANNE, {**BO, "Email": ""})
    systems.state.nikki.replace_years(
        [Contribution(knvb_id="A1", year=2026, nikki_id="N-1", saldo=12.5, hoofdsom=None, status="Openstaand")], oldest=2023
    )

    assert sync_customers(systems) == counts(total=1, created=1)

    customer = {"firstName": "Anne", "lastName": "Appel"}
    emails, phones = [{"value": "anne@x.example", "type": "home"}], [{"type": "mobile", "value": "06-1"}]
    assert asked() == [
        ("POST", "customers", {**customer, "emails": emails, "phones": phones}),
        ("PUT", f"customers/{ids(systems)['A1']}/customer_fields", fields(nikki_saldo="12.5", nikki_status="Openstaand")),
    ]


def test_the_fields_arrive(systems, members, club_sandbox):
    members(BO)
    sync_customers(systems)

    [customer] = club_sandbox.freescout.customers()
    shown = {field["id"]: field["value"] for field in customer["customerFields"]}
    assert (shown[4], shown[5]) == ("B2", "2019-08-01")


def test_a_second_run_asks_nothing_and_a_changed_member_is_updated(systems, members, asked):
    members(ANNE, BO)
    sync_customers(systems)
    asked()

    assert sync_customers(systems) == counts(total=2, skipped=2)
    assert asked() == []

    members({**ANNE, "Mobile": ""}, BO)
    assert sync_customers(systems) == counts(total=2, updated=1, skipped=1)
    customer_id = ids(systems)["A1"]
    assert asked() == [
        ("PUT", f"customers/{customer_id}", {"firstName": "Anne", "lastName": "Appel", "phones": []}),
        ("PUT", f"customers/{customer_id}/customer_fields", fields()),
    ]
    assert sync_customers(systems) == counts(total=2, skipped=2)


def test_a_number_that_the_helpdesk_noted_for_a_member_without_one_stays(systems, members, club_sandbox):
    members(BO)
    sync_customers(systems)
    systems.freescout.update_customer(ids(systems)["B2"] or 0, first_name="Bo", last_name="Berg", mobile="06-9")

    members({**BO, "MemberSince": "2020-08-01"})

    assert sync_customers(systems).updated == 1
    [customer] = club_sandbox.freescout.customers()
    assert customer["_embedded"]["phones"] == [{"type": "mobile", "value": "06-9"}]


def test_force_writes_everybody_and_a_dry_run_nobody(systems, members, asked):
    members(ANNE, BO)
    assert sync_customers(systems, dry_run=True) == counts(total=2, skipped=2)
    assert asked() == []
    sync_customers(systems)

    assert sync_customers(systems, force=True) == counts(total=2, updated=2)


def test_without_any_member_nothing_is_done(systems, asked):
    with pytest.raises(EmptyDownloadError):
        sync_customers(systems)

    assert asked() == []


# ------------------------------------------------------------------------------------------------ who is there already


def test_the_id_that_sportlink_knows_is_used(systems, members, club_sandbox):
    customer_id = club_sandbox.freescout.add_customer("Anne", "other@x.example")
    members(ANNE)
    systems.state.functions.store([], {"A1": {"freescout-id": customer_id}})

    assert sync_customers(systems) == counts(total=1, updated=1)
    assert ids(systems) == {"A1": customer_id}


def test_a_customer_with_the_address_is_linked(systems, members, club_sandbox):
    customer_id = club_sandbox.freescout.add_customer("A.", "ANNE@x.example")
    members(ANNE)

    assert sync_customers(systems) == counts(total=1, updated=1)
    assert (ids(systems), emails(club_sandbox)) == ({"A1": customer_id}, ["anne@x.example"])


def test_a_customer_that_the_search_does_not_find_is_found_through_conversations(systems, members, club_sandbox, asked):
    customer_id = club_sandbox.freescout.add_customer("A.", "anne@x.example", is_found=False)
    club_sandbox.freescout.add_conversation(customer_id, "Vraag")
    members(ANNE)

    assert sync_customers(systems) == counts(total=1, updated=1)

    assert ids(systems) == {"A1": customer_id}
    assert [path for _, path, _ in asked()][:3] == ["customers", "customers", "conversations"]


def test_a_customer_that_cannot_be_found_at_all_is_a_failure_of_the_member(systems, members, club_sandbox):
    club_sandbox.freescout.add_customer("A.", "anne@x.example", is_found=False)
    members(ANNE, BO)

    result = sync_customers(systems)

    reason = "Email exists in FreeScout but customer not found via API or conversations"
    [failure] = result.failures
    assert failure == ErrorRecord(knvb_id="A1", message=f"freescout: link customer A1: {reason}", system="freescout")
    assert result == counts(total=2, created=1, failures=[failure])


def test_a_customer_that_is_gone_is_created_again(systems, members):
    members(ANNE)
    sync_customers(systems)
    first = ids(systems)["A1"]
    systems.freescout.delete_customer(first)
    members({**ANNE, "LastName": "Peer"})

    assert sync_customers(systems) == counts(total=1, created=1)
    assert ids(systems)["A1"] not in {first, None}


def test_a_customer_that_is_gone_is_linked_where_its_address_has_another_one(systems, members, club_sandbox):
    members(ANNE)
    sync_customers(systems)
    systems.freescout.delete_customer(ids(systems)["A1"])
    customer_id = club_sandbox.freescout.add_customer("A.", "anne@x.example")
    members({**ANNE, "LastName": "Peer"})

    assert sync_customers(systems) == counts(total=1, updated=1)
    assert ids(systems) == {"A1": customer_id}


@pytest.mark.parametrize("club_sandbox", [[fault(FaultKind.LOST, method="POST")]], indirect=True, ids=["answer-is-lost"])
def test_a_creation_whose_answer_was_lost_makes_no_second_customer(systems, members, club_sandbox):
    members(ANNE)
    assert sync_customers(systems).failed == 1

    assert sync_customers(systems) == counts(total=1, updated=1)
    assert emails(club_sandbox) == ["anne@x.example"]


@pytest.mark.parametrize(
    "club_sandbox", [[fault(FaultKind.REFUSED, path="*/customer_fields")]], indirect=True, ids=["fields-are-refused"]
)
def test_a_customer_whose_fields_failed_counts_as_failed_alone_and_is_written_again(systems, members):
    members(ANNE)
    first = sync_customers(systems)
    assert first == counts(total=1, failures=first.failures)
    assert first.failed == 1

    assert sync_customers(systems) == counts(total=1, updated=1)


# ------------------------------------------------------------------------------------------------ who is there no more


def test_a_member_that_lost_its_address_is_deleted(systems, members, asked):
    members(ANNE, BO)
    sync_customers(systems)
    customer_id = ids(systems)["A1"]
    asked()

    members({**ANNE, "Email": ""}, BO)

    assert sync_customers(systems) == counts(total=1, skipped=1, deleted=1)
    assert asked() == [("DELETE", f"customers/{customer_id}", None)]
    assert "A1" not in ids(systems)


def test_deleting_who_is_gone_already_is_fine(systems, members):
    members(ANNE, BO)
    sync_customers(systems)
    systems.freescout.delete_customer(ids(systems)["A1"])

    members({**ANNE, "Email": ""}, BO)

    assert sync_customers(systems) == counts(total=1, skipped=1, deleted=1)


def test_a_customer_that_was_there_before_us_is_only_forgotten(systems, members, club_sandbox, asked):
    club_sandbox.freescout.add_customer("A.", "anne@x.example")
    members(ANNE, BO)
    sync_customers(systems)
    asked()

    members({**ANNE, "Email": ""}, BO)

    assert sync_customers(systems) == counts(total=1, skipped=1)
    assert asked() == []
    assert ids(systems).keys() == {"B2"}
    assert emails(club_sandbox) == ["anne@x.example", "bo@x.example"]


@pytest.mark.parametrize(
    "club_sandbox", [[fault(FaultKind.REFUSED, subject="anne@x.example", times=None)]], indirect=True, ids=["anne"]
)
def test_a_member_that_never_became_a_customer_is_forgotten(systems, members):
    members(ANNE, BO)
    assert sync_customers(systems).failed == 1

    members({**ANNE, "Email": ""}, BO)

    assert sync_customers(systems) == counts(total=1, skipped=1)
    assert ids(systems).keys() == {"B2"}


def test_a_former_member_stays_a_customer(systems, members, asked):
    members(ANNE, BO)
    sync_customers(systems)
    asked()

    members(BO)

    assert sync_customers(systems) == counts(total=1, skipped=1)
    assert asked() == []


def test_nobody_is_deleted_when_it_would_be_everybody(systems, members, asked):
    members(ANNE)
    sync_customers(systems)
    asked()

    members({**ANNE, "Email": ""}, BO)
    result = sync_customers(systems)

    assert (result.deleted, [failure.identifier for failure in result.failures]) == (0, [None])
    assert [method for method, _, _ in asked()] == ["POST", "PUT"]


def test_a_customer_that_two_members_share_goes_with_the_last_of_them(systems, members, club_sandbox):
    members(ANNE, DUO, {**ANNE, "PublicPersonId": "C3", "Email": "c@x.example"})
    assert sync_customers(systems) == counts(total=3, created=2, updated=1)
    assert ids(systems)["A1"] == ids(systems)["B2"]

    members(ANNE, {**DUO, "Email": ""}, {**ANNE, "PublicPersonId": "C3", "Email": "c@x.example"})
    assert sync_customers(systems).deleted == 0  # the customer is still Anne

    assert emails(club_sandbox) == ["anne@x.example", "c@x.example"]


def test_a_customer_that_two_members_shared_becomes_the_one_that_stays(systems, members, club_sandbox):
    members(ANNE, DUO)
    sync_customers(systems)
    assert shown(club_sandbox) == [("Bo", "B2")]  # who was written last

    members(ANNE, {**DUO, "Email": ""})
    sync_customers(systems)

    assert sync_customers(systems) == counts(total=1, updated=1)
    assert shown(club_sandbox) == [("Anne", "A1")]


def test_a_member_that_has_an_address_again_is_the_customer_that_it_was(systems, members, club_sandbox):
    customer_id = club_sandbox.freescout.add_customer("A.", "anne@x.example")
    for email in ("anne@x.example", "", "appel@x.example"):
        members({**ANNE, "Email": email}, BO)
        sync_customers(systems)

    assert shown(club_sandbox) == [("Anne", "A1"), ("Bo", "B2")]
    assert ids(systems)["A1"] == customer_id


def test_a_customer_that_was_left_alone_and_is_another_member_by_now_is_not_taken_back(systems, members, club_sandbox):
    club_sandbox.freescout.add_customer("A.", "anne@x.example")
    for anne, bo in (("anne@x.example", ""), ("", ""), ("", "anne@x.example"), ("appel@x.example", "anne@x.example")):
        members({**ANNE, "Email": anne}, {**BO, "Email": bo}, {**BO, "PublicPersonId": "C3"})
        sync_customers(systems)

    assert shown(club_sandbox) == [("Bo", "B2"), ("Bo", "C3"), ("Anne", "A1")]


# ------------------------------------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    "club_sandbox", [[fault(FaultKind.REFUSED, subject="anne@x.example", times=None)]], indirect=True, ids=["anne"]
)
def test_a_member_that_fails_is_named_with_what_freescout_says(systems, members):
    members(ANNE, BO)

    result = sync_customers(systems)

    [failure] = result.failures
    assert (failure.knvb_id, failure.system) == ("A1", "freescout")
    assert failure.text == 'freescout: create customer A1: 400, "emails: The address is not accepted."'
    assert result == counts(total=2, created=1, failures=[failure])


def test_a_refused_key_ends_the_step(systems, members):
    members(ANNE, BO)
    settings = replace(systems.settings, freescout=replace(systems.settings.freescout, api_key="wrong"))

    with Systems.open(settings) as refused, pytest.raises(FreeScoutError):
        sync_customers(refused)
