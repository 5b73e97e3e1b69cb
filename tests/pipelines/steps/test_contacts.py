"""Pushing contact details back to Sportlink."""

from dataclasses import replace

import pytest

from pipelines.errors import LoginError
from pipelines.result.people import PushedMember, ReverseSyncResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.steps.contacts import push_contacts
from pipelines.systems import Systems

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "Email": "old@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo"}
FORM_FAILS = Fault(kind=FaultKind.LOST, system="sportlink", method="POST", path="/member/*", subject="A1", times=None)


def detect_change(systems, knvb_id, field_name, value):
    systems.state.rondo._connection.execute(
        "INSERT INTO rondo_club_change_detections (knvb_id, field_name, new_value, detected_at) VALUES (?, ?, ?, '')",
        (knvb_id, field_name, value),
    )


def test_without_pending_changes_sportlink_is_not_even_asked(systems, club_sandbox):
    detect_change(systems, "A1", "datum_vog", "2025-01-01")

    assert push_contacts(systems) == ReverseSyncResult()
    assert club_sandbox.requests == []


def test_all_changes_of_a_member_are_pushed_at_once(systems, club, club_sandbox):
    members = club(ANNE, BO)
    detect_change(systems, "A1", "email", "new@x.example")
    detect_change(systems, "B2", "mobile", "06-2")
    detect_change(systems, "A1", "phone", "010-1")

    result = push_contacts(systems)

    assert result == ReverseSyncResult(
        results=(PushedMember(knvb_id="A1", attempts=1, field_count=2), PushedMember(knvb_id="B2", attempts=1, field_count=1))
    )
    assert [(one["Email"], one["Telephone"]) for one in members[:1]] == [("new@x.example", "010-1")]
    assert members[1]["Mobile"] == "06-2"
    saved = [one.path for one in club_sandbox.requests if one.method == "POST" and one.path.startswith("/member/")]
    assert len(saved) == 2
    assert push_contacts(systems) == ReverseSyncResult()


def test_a_value_that_sportlink_refuses_is_a_failure_of_the_member_and_stays_pending(systems, club):
    club(ANNE, BO)
    detect_change(systems, "A1", "email", "no address")
    detect_change(systems, "B2", "mobile", "06-2")

    result = push_contacts(systems)

    refused, pushed = result.results
    assert refused.error is not None
    assert refused == PushedMember(knvb_id="A1", attempts=1, field_count=1, error=refused.error)
    assert pushed == PushedMember(knvb_id="B2", attempts=1, field_count=1)
    assert (result.updated, [failure.identifier for failure in result.failures]) == (1, ["A1"])
    assert [change.knvb_id for change in systems.state.rondo.pending_changes()] == ["A1"]


@pytest.mark.parametrize("club_sandbox", [[FORM_FAILS]], indirect=True, ids=["form-fails"])
def test_a_member_gets_three_attempts(systems, club):
    club(ANNE)
    detect_change(systems, "A1", "email", "new@x.example")

    [pushed] = push_contacts(systems).results

    assert pushed.error is not None
    assert (pushed.attempts, pushed.as_json()["success"]) == (3, False)


def test_a_login_that_is_refused_ends_the_step(systems, club):
    club(ANNE)
    detect_change(systems, "A1", "email", "new@x.example")
    settings = replace(systems.settings, sportlink=replace(systems.settings.sportlink, password="wrong"))

    with Systems.open(settings) as refused, pytest.raises(LoginError):
        push_contacts(refused)

    assert len(systems.state.rondo.pending_changes()) == 1
