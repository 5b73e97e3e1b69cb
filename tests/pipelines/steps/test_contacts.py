"""Contact details that were changed in Rondo Club, and their way back to Sportlink."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.errors import LoginError
from pipelines.result import ErrorRecord
from pipelines.result.people import PushedMember, ReverseSyncResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import State
from pipelines.steps.changes import detect_changes
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_members, push_contacts, sync_persons

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Appel", "Email": "anne@x.example", "Mobile": "06-1"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example"}
FORM_FAILS = Fault(kind=FaultKind.LOST, system="sportlink", method="POST", path="/member/*", subject="A1", times=None)


@pytest.fixture
def sync(systems, club):
    """Sync these members; None downloads what the club has now."""

    def sync_members(*records, **flags):
        if records:
            club(*records)
        download_members(systems)
        return sync_persons(systems, **flags).members

    return sync_members


@pytest.fixture
def edit(systems, club_sandbox):
    """Change contact details by hand in Rondo Club."""

    def edit_person(knvb_id, **values):
        person = person_of(club_sandbox, knvb_id)
        rows = {row["contact_type"]: row["contact_value"] for row in person["acf"]["contact_info"]} | values
        contacts = [{"contact_type": kind, "contact_label": "", "contact_value": value} for kind, value in rows.items() if value]
        names = {name: person["acf"][name] for name in ("first_name", "last_name")}
        systems.rondo_club.update_person(person["id"], {"acf": {**names, "contact_info": contacts}})

    return edit_person


def person_of(sandbox, knvb_id):
    return next(one for one in sandbox.rondo_club.persons() if one["acf"]["knvb-id"] == knvb_id)


def contacts_of(sandbox, knvb_id):
    return {row["contact_type"]: row["contact_value"] for row in person_of(sandbox, knvb_id)["acf"]["contact_info"]}


def forms(sandbox):
    """What was filled in in Sportlink: the member's page and the inputs of contact details."""
    names = ("Email", "Mobile", "Phone")
    return [
        (one.path.split("/")[3], {name: one.body[name] for name in names})
        for one in sandbox.requests
        if one.system == "sportlink" and one.method == "POST" and one.path.startswith("/member/member-details/")
    ]


def asked(sandbox):
    return {one.system for one in sandbox.requests}


def detections(systems):
    query = "SELECT knvb_id, field_name, old_value, new_value, synced_at IS NULL FROM rondo_club_change_detections ORDER BY id"
    return [tuple(row) for row in systems.state.contacts._connection.execute(query)]


def pending(systems):
    return {knvb_id: systems.state.contacts.pending_changes(knvb_id) for knvb_id in systems.state.contacts.changed_members()}


# ------------------------------------------------------------------------------------------------ what is pushed


def test_without_changes_sportlink_is_not_even_asked(systems, sync, club_sandbox):
    sync(ANNE, BO)
    before = len(club_sandbox.requests)

    assert push_contacts(systems) == ReverseSyncResult()

    assert {(one.system, one.method) for one in club_sandbox.requests[before:]} == {("rondo-club", "GET")}


def test_all_changes_of_a_member_are_pushed_at_once(systems, sync, edit, club, club_sandbox):
    sync(ANNE, BO)
    edit("A1", email="anna@x.example", mobile="", phone="010-1")
    edit("B2", mobile="06-2")

    result = push_contacts(systems)

    assert result == ReverseSyncResult(
        results=[PushedMember(knvb_id="A1", attempts=1, field_count=3), PushedMember(knvb_id="B2", attempts=1, field_count=1)]
    )
    assert forms(club_sandbox) == [
        ("A1", {"Email": "anna@x.example", "Mobile": "", "Phone": "010-1"}),
        ("B2", {"Email": "bo@x.example", "Mobile": "06-2", "Phone": ""}),
    ]
    anne, bo = club_sandbox.club.members
    assert (anne["Email"], anne["Mobile"], anne["Telephone"]) == ("anna@x.example", "", "010-1")
    assert bo["Mobile"] == "06-2"


def test_what_was_noticed_is_not_noticed_again(systems, sync, edit, club_sandbox):
    sync(ANNE, BO)
    edit("A1", phone="010-1")
    push_contacts(systems)
    before = len(club_sandbox.requests)

    assert push_contacts(systems) == ReverseSyncResult()

    assert detections(systems) == [("A1", "phone", "", "010-1", False)]
    assert {one.system for one in club_sandbox.requests[before:]} == {"rondo-club"}


def test_what_we_wrote_ourselves_is_no_change(systems, sync):
    sync(ANNE, BO)
    sync({**ANNE, "Email": "anna@x.example"}, {**BO, "Telephone": "010-2"})
    sync(force=True)

    assert push_contacts(systems) == ReverseSyncResult()
    assert detections(systems) == []


def test_a_field_that_was_changed_back_is_not_pushed(systems, sync, edit, club_sandbox):
    sync(ANNE)
    edit("A1", phone="010-1")
    sync()
    edit("A1", phone="")

    assert push_contacts(systems) == ReverseSyncResult()
    assert (forms(club_sandbox), pending(systems)) == ([], {})


def test_nothing_is_pushed_of_who_left(systems, sync, edit, club_sandbox):
    sync(ANNE, BO)
    edit("A1", phone="010-1")
    sync(BO)

    assert push_contacts(systems) == ReverseSyncResult()
    assert forms(club_sandbox) == []


def clear_mobiles(edit, members):
    for member in members:
        edit(member["PublicPersonId"], mobile="")


def many(count):
    return [{**ANNE, "PublicPersonId": f"M{n}", "Email": f"m{n}@x.example", "Mobile": f"06-{n}"} for n in range(1, count + 1)]


def test_most_details_cleared_at_once_are_an_accident_and_stay_in_sportlink(systems, sync, edit, club_sandbox):
    members = many(6)
    sync(*members, BO)
    clear_mobiles(edit, members)
    edit("B2", mobile="06-2")

    result = push_contacts(systems)

    message = (
        "6 of the 7 contact details changed in Rondo Club were cleared: Sportlink keeps them "
        "(put them back in Rondo Club, or clear them in Sportlink too)"
    )
    assert result == ReverseSyncResult(
        results=[PushedMember(knvb_id="B2", attempts=1, field_count=1)],
        held_back=[ErrorRecord(message=message, system="reverse-sync")],
    )
    assert result.failures == result.held_back
    assert [path for path, _ in forms(club_sandbox)] == ["B2"]
    assert [member["Mobile"] for member in club_sandbox.club.members] == [*(member["Mobile"] for member in members), "06-2"]

    for member in members:
        edit(member["PublicPersonId"], mobile=member["Mobile"])
    assert push_contacts(systems) == ReverseSyncResult()
    assert pending(systems) == {}


@pytest.mark.parametrize("numbers", [(5, 0), (6, 6)], ids=["few", "half"])
def test_details_that_are_cleared_by_hand_are_cleared_in_sportlink(systems, sync, edit, club_sandbox, numbers):
    cleared, changed = numbers
    members = many(cleared + changed)
    sync(*members)
    clear_mobiles(edit, members[:cleared])
    for member in members[cleared:]:
        edit(member["PublicPersonId"], mobile="06-99")

    assert push_contacts(systems).updated == cleared + changed
    assert [member["Mobile"] for member in club_sandbox.club.members] == [""] * cleared + ["06-99"] * changed


def test_a_second_person_with_the_same_knvb_id_says_nothing(systems, sync, club_sandbox):
    sync(ANNE)
    acf = {"first_name": "Anne", "last_name": "Appel", "knvb-id": "A1", "contact_info": []}
    systems.rondo_club.create_person({"status": "publish", "acf": acf})

    assert push_contacts(systems) == ReverseSyncResult()


# ------------------------------------------------------------------------------------------------ who is right


def test_a_person_that_shows_no_contacts_at_all_does_not_say_that_they_were_cleared(systems, sync, edit, club_sandbox):
    sync(ANNE)
    push_contacts(systems)
    shown = person_of(club_sandbox, "A1")
    fields = {name: value for name, value in shown["acf"].items() if name != "contact_info"}

    detect_changes(systems, {**shown, "acf": fields})
    assert detections(systems) == []

    edit("A1", mobile="06-9")
    push_contacts(systems)
    assert forms(club_sandbox) == [("A1", {"Email": "anne@x.example", "Mobile": "06-9", "Phone": ""})]


def test_a_change_survives_a_sync_of_the_member_before_it_is_pushed(systems, sync, edit, club_sandbox):
    sync(ANNE)
    edit("A1", phone="010-1")

    counts = sync({**ANNE, "City": "Elders"})

    assert (counts.updated, counts.conflicts) == (1, 1)
    assert contacts_of(club_sandbox, "A1") == {"email": "anne@x.example", "mobile": "06-1", "phone": "010-1"}
    assert push_contacts(systems).updated == 1


def test_what_was_pushed_comes_back_from_sportlink_and_stays(systems, sync, edit, club_sandbox):
    sync(ANNE)
    edit("A1", phone="010-1")
    push_contacts(systems)

    counts = sync()

    assert (counts.conflicts, contacts_of(club_sandbox, "A1")["phone"]) == (0, "010-1")
    assert push_contacts(systems) == ReverseSyncResult()


@pytest.fixture
def sync_at(systems, club, tmp_path):
    """As `sync`, at a time."""

    def sync_members_at(time, *records):
        club(*records)
        download_members(systems)
        with State.open(tmp_path / "state", now=lambda: time) as state:
            sync_persons(replace(systems, state=state))

    return sync_members_at


@pytest.mark.parametrize("right", ["rondo", "sportlink"])
def test_the_last_write_wins_where_both_systems_changed_a_field(systems, sync_at, edit, club_sandbox, right):
    noticed_at = {"rondo": "2020-01-01T00:00:00Z", "sportlink": "2099-01-01T00:00:00Z"}[right]
    sync_at("2019-01-01T00:00:00Z", {**ANNE, "Telephone": "old"})
    edit("A1", phone="rondo")

    sync_at(noticed_at, {**ANNE, "Telephone": "sportlink"})
    push_contacts(systems)

    assert contacts_of(club_sandbox, "A1")["phone"] == right
    assert club_sandbox.club.members[0]["Telephone"] == right
    assert pending(systems) == {}


def test_a_field_that_sportlink_alone_changed_is_sportlinks(systems, sync, edit, club_sandbox):
    sync(ANNE)
    edit("A1", phone="010-1")

    sync({**ANNE, "Mobile": "06-9"})
    push_contacts(systems)

    assert contacts_of(club_sandbox, "A1") == {"email": "anne@x.example", "mobile": "06-9", "phone": "010-1"}
    assert forms(club_sandbox) == [("A1", {"Email": "anne@x.example", "Mobile": "06-9", "Phone": "010-1"})]


def test_the_time_of_a_change_is_rondo_clubs_own(systems, sync, edit, club_sandbox):
    sync(ANNE)
    edit("A1", phone="010-1")
    sync()

    [change] = systems.state.contacts.pending_changes("A1")

    assert change.modified_at == person_of(club_sandbox, "A1")["modified_gmt"]
    assert datetime.fromisoformat(change.modified_at).replace(tzinfo=UTC) <= datetime.now(UTC)


# ------------------------------------------------------------------------------------------------ what goes wrong


def test_a_value_that_sportlink_refuses_is_a_failure_of_the_member_and_stays_pending(systems, sync, edit):
    sync(ANNE, BO)
    edit("A1", email="no address")
    edit("B2", mobile="06-2")

    result = push_contacts(systems)

    refused, pushed = result.results
    assert refused.error is not None
    assert refused == PushedMember(knvb_id="A1", attempts=1, field_count=1, error=refused.error)
    assert pushed == PushedMember(knvb_id="B2", attempts=1, field_count=1)
    assert (result.updated, [failure.identifier for failure in result.failures]) == (1, ["A1"])
    assert list(pending(systems)) == ["A1"]


@pytest.mark.parametrize("club_sandbox", [[FORM_FAILS]], indirect=True, ids=["form-fails"])
def test_a_member_gets_three_attempts(systems, sync, edit):
    sync(ANNE)
    edit("A1", email="new@x.example")

    [pushed] = push_contacts(systems).results

    assert pushed.error is not None
    assert (pushed.attempts, pushed.as_json()["success"]) == (3, False)


def test_a_login_that_is_refused_ends_the_step(systems, sync, edit):
    sync(ANNE)
    edit("A1", email="new@x.example")
    settings = replace(systems.settings, sportlink=replace(systems.settings.sportlink, password="wrong"))

    with Systems.open(settings) as refused, pytest.raises(LoginError):
        push_contacts(refused)

    assert list(pending(systems)) == ["A1"]
