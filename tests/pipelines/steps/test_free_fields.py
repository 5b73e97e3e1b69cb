"""What the tabs of members say reaches their persons."""

from datetime import date

import pytest

from pipelines.result import ErrorRecord
from pipelines.result.functions import FreeFieldsResult
from pipelines.sandbox import Fault, FaultKind
from tests.pipelines.steps.filled import sync_free_fields

TODAY = date(2026, 2, 8)
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg"}
PEOPLE, RONDO = "wp/v2/people", "rondo/v1/people"


def sync(systems, *, force=False, **fields):
    systems.state.functions.store([], fields)
    return sync_free_fields(systems, force=force, today=TODAY)


def result(*failures, **counts):
    return FreeFieldsResult(**counts, failures=list(failures))


def put(person_id, **fields):
    return ("PUT", f"{PEOPLE}/{person_id}", {"acf": {"first_name": "Anne", "last_name": "Aker", **fields}})


def activity(person_id, content):
    body = {"content": content, "activity_type": "financial_block_change", "activity_date": "2026-02-08"}
    return ("POST", f"{RONDO}/{person_id}/activities", body)


def test_only_what_a_person_does_not_show_is_written_and_once(systems, members, sent):
    anne = members(ANNE, BO)["A1"]
    sent()
    fields = {"datum-vog": "2024-09-15", "freescout-id": 1042, "financiele-blokkade": False}

    assert sync(systems, A1=fields, B2={"financiele-blokkade": False}) == result(total=2, updated=1, skipped=1)
    assert sent() == [put(anne, **{"datum-vog": "2024-09-15", "freescout-id": 1042})]

    assert sync(systems, A1=fields) == result(total=2, updated=0, skipped=2)
    assert sync(systems, A1=fields, force=True) == result(total=2, updated=0, skipped=2)
    assert sent() == []

    assert sync(systems, A1={**fields, "datum-vog": None}) == result(total=2, updated=1, skipped=1)
    assert sent() == [put(anne, **{"datum-vog": None})]


def test_former_members_count_no_more(systems, members):
    members(ANNE, BO, {**BO, "PublicPersonId": "C3"})
    assert sync(systems, A1={"freescout-id": 7}, B2={"freescout-id": 8}).total == 2

    members(ANNE, {**BO, "PublicPersonId": "C3"})

    assert sync(systems, B2={"freescout-id": 9}) == result(total=1, skipped=1)


def test_a_financial_block_that_comes_or_goes_is_told_in_the_history_of_the_person(systems, members, sent):
    anne = members(ANNE)["A1"]
    sent()

    sync(systems, A1={"financiele-blokkade": True})
    sync(systems, A1={"financiele-blokkade": True, "freescout-id": 7})
    sync(systems, A1={"financiele-blokkade": False, "freescout-id": 7})

    assert sent() == [
        put(anne, **{"financiele-blokkade": True}),
        activity(anne, "Financiele blokkade ingesteld"),
        put(anne, **{"freescout-id": 7}),
        put(anne, **{"financiele-blokkade": False}),
        activity(anne, "Financiele blokkade opgeheven"),
    ]


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", path="*/activities", times=None)]],
    indirect=True,
    ids=["activities-fail"],
)
def test_an_activity_that_fails_is_no_failure_of_the_member(systems, members, caplog):
    members(ANNE)

    assert sync(systems, A1={"financiele-blokkade": True}) == result(total=1, updated=1, skipped=0)
    line = (
        "no activity for a financial block: rondo-club: add activity: 500"
        " (it may have been done all the same: look before it is done again)"
    )
    assert line in caplog.messages


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.REFUSED, system="rondo-club", method="PUT", subject="A1", times=None)]],
    indirect=True,
    ids=["anne-is-refused"],
)
def test_a_member_that_is_refused_is_a_failure_and_is_tried_again(systems, members):
    members(ANNE, BO)
    fields = {"freescout-id": 7}

    first, second = sync(systems, A1=fields, B2=fields), sync(systems)

    [failure] = first.failures
    assert failure == ErrorRecord(knvb_id="A1", message=failure.text, system="free-fields-sync")
    assert first == result(failure, total=2, updated=1, skipped=0)
    assert second == result(failure, total=2, updated=0, skipped=1)


def test_a_person_that_was_created_again_gets_its_fields_again(systems, members, sent):
    anne = members(ANNE)["A1"]
    sync(systems, A1={"freescout-id": 7})
    systems.rondo_club.delete_person(anne)

    members({**ANNE, "City": "Testdorp"})
    sent()
    again = systems.state.rondo.person_ids()["A1"]

    assert sync(systems) == result(total=1, updated=1, skipped=0)
    assert sent() == [put(again, **{"freescout-id": 7})]


def test_a_person_that_is_found_gone_is_no_failure(systems, members):
    anne = members(ANNE)["A1"]
    systems.rondo_club.delete_person(anne)

    assert sync(systems, A1={"freescout-id": 7}) == result(total=1, updated=0, skipped=1)
    assert systems.state.rondo.person_ids() == {}
