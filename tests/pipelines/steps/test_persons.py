"""Members become persons of Rondo Club."""

import shutil
from dataclasses import replace

import pytest

from pipelines.errors import EmptyDownloadError, RondoClubError
from pipelines.result import ErrorRecord
from pipelines.result.people import PersonCounts, PersonsResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import PhotoState
from pipelines.steps.members import latest_members
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_members, sync_persons

PEOPLE = "/wp-json/wp/v2/people"
RONDO = "rondo-club"
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker", "Email": "anne@x.example", "Mobile": "06-1"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg"}
KEPT_BY_HAND = ("first_name", "last_name", "knvb-id")


def sync(systems, *, force=False):
    download_members(systems)
    return sync_persons(systems, force=force)


def result(*failures, **counts):
    return PersonsResult(members=PersonCounts(**counts, failures=list(failures)), parents=PersonCounts(failures=[]))


def ids(systems):
    return {member.knvb_id: member.person_id for member in systems.state.rondo.members()}


def person(sandbox, knvb_id):
    [found] = [one for one in sandbox.rondo_club.persons() if one["acf"]["knvb-id"] == knvb_id]
    return found


def forget(systems):
    """What a step of another pipeline does that finds a person gone."""
    systems.state.rondo.forget_person(ids(systems)["A1"])


# ------------------------------------------------------------------------------------------------ writing what changed


def test_a_new_member_becomes_a_person_whose_id_is_kept(systems, club, club_sandbox):
    club(ANNE, {"PublicPersonId": "", "FirstName": "Nobody"}, {"PublicPersonId": "C3", "FirstName": ""})

    assert sync(systems) == result(total=1, created=1)

    shown = person(club_sandbox, "A1")
    assert (shown["title"]["rendered"], shown["status"]) == ("Anne Aker", "publish")
    assert ids(systems) == {"A1": shown["id"]}


def test_a_second_run_writes_nothing_and_a_changed_field_writes_one_request(systems, club, club_sandbox, writes):
    club(ANNE, BO)
    sync(systems)
    assert writes() == [f"POST {PEOPLE}", f"POST {PEOPLE}"]

    assert sync(systems) == result(total=2, skipped=2)
    assert writes() == []

    club({**ANNE, "City": "Testdorp"}, BO)
    assert sync(systems) == result(total=2, updated=1, skipped=1)
    assert writes() == [f"PUT {PEOPLE}/{ids(systems)['A1']}"]
    assert person(club_sandbox, "A1")["acf"]["addresses"][0]["city"] == "Testdorp"


def test_contact_fields_that_were_emptied_in_sportlink_are_emptied(systems, club, club_sandbox, writes):
    club(ANNE)
    sync(systems)
    writes()

    club({**ANNE, "Email": "", "Mobile": ""})

    assert sync(systems) == result(total=1, updated=1)
    assert person(club_sandbox, "A1")["acf"]["contact_info"] == []
    assert sync(systems) == result(total=1, skipped=1)
    assert writes() == [f"PUT {PEOPLE}/{ids(systems)['A1']}"]


def test_force_writes_everybody(systems, club):
    club(ANNE, BO)
    sync(systems)

    assert sync(systems, force=True) == result(total=2, updated=2)


def test_another_machine_with_an_older_state_creates_nobody_twice(systems, club, club_sandbox, tmp_path):
    club(ANNE)
    sync(systems)
    older = tmp_path / "older"
    shutil.copytree(systems.settings.state_dir, older)
    club(ANNE, BO, {**BO, "PublicPersonId": "C3", "FirstName": "Cees"})
    sync(systems)

    with Systems.open(replace(systems.settings, state_dir=older)) as elsewhere:
        assert sync(elsewhere) == result(total=3, updated=2, skipped=1)

    assert [one["acf"]["knvb-id"] for one in club_sandbox.rondo_club.persons()] == ["A1", "B2", "C3"]


# ------------------------------------------------------------------------------------------------ persons that are gone


def test_a_person_that_was_deleted_is_created_again(systems, club, club_sandbox):
    club(ANNE)
    sync(systems)
    before = ids(systems)["A1"]
    systems.rondo_club.delete_person(before)

    club({**ANNE, "City": "Testdorp"})

    assert sync(systems) == result(total=1, created=1)
    after = person(club_sandbox, "A1")["id"]
    assert after != before
    assert ids(systems) == {"A1": after}


@pytest.mark.parametrize("found_by", [sync, forget], ids=["in-a-run-of-people", "in-another-run"])
def test_a_person_that_somebody_made_anew_is_found_and_nobody_is_there_twice(systems, club, club_sandbox, found_by):
    club(ANNE, BO)
    sync(systems)
    before = ids(systems)["A1"]
    acf = person(club_sandbox, "A1")["acf"]
    made = systems.rondo_club.create_person({"status": "publish", "acf": {name: acf[name] for name in KEPT_BY_HAND}})
    sync(systems)
    systems.state.rondo.mark_refreshed(until="2099-01-01T00:00:00Z")  # as if it had been made long ago
    systems.rondo_club.delete_person(before)

    club({**ANNE, "City": "Testdorp"}, BO)
    found_by(systems)
    sync(systems)

    assert (person(club_sandbox, "A1")["id"], ids(systems)["A1"]) == (made, made)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.SERVER_ERROR, system=RONDO, method="GET", path=f"{PEOPLE}/*", times=None)]],
    indirect=True,
    ids=["get-fails"],
)
def test_a_person_that_cannot_be_read_is_not_created_again(systems, club, writes):
    club(ANNE)
    sync(systems)
    before = ids(systems)
    writes()

    club({**ANNE, "City": "Testdorp"})
    done = sync(systems)

    assert (done.created, done.updated, [failure.identifier for failure in done.failures]) == (0, 0, ["A1"])
    assert (writes(), ids(systems)) == ([], before)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.SERVER_ERROR, system=RONDO, method="GET", path=PEOPLE, times=None)]],
    indirect=True,
    ids=["list-fails"],
)
def test_nobody_is_created_while_rondo_club_does_not_say_who_is_there(systems, club, writes):
    club(ANNE)

    with pytest.raises(RondoClubError, match="500"):
        sync(systems)

    assert writes() == []


def test_with_a_lost_state_nobody_is_created_twice(systems, club, club_sandbox):
    club(ANNE, BO)
    sync(systems)
    before = ids(systems)
    for table in ("rondo_club_members", "rondo_club_refresh"):
        systems.state.rondo._connection.execute(f"DELETE FROM {table}")

    assert sync(systems) == result(total=2, updated=2)

    assert (ids(systems), len(club_sandbox.rondo_club.persons())) == (before, 2)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.LOST, system=RONDO, method="POST", subject="A1")]],
    indirect=True,
    ids=["answer-is-lost"],
)
def test_a_person_whose_creation_was_not_answered_is_found_by_the_next_run(systems, club, club_sandbox):
    club(ANNE)

    first, second = sync(systems), sync(systems)

    assert (first.created, first.failed) == (0, 1)
    assert second == result(total=1, updated=1)
    assert ids(systems) == {"A1": person(club_sandbox, "A1")["id"]}


# ------------------------------------------------------------------------------------------------ item errors


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.REFUSED, system=RONDO, method="POST", subject="A1", times=None)]],
    indirect=True,
    ids=["anne-is-refused"],
)
def test_a_member_that_is_refused_is_a_failure_and_the_others_go_on(systems, club):
    club(ANNE, BO)

    first, second = sync(systems), sync(systems)

    [failure] = first.failures
    assert failure == ErrorRecord(knvb_id="A1", message=failure.text, system="rondoClub")
    assert failure.text.startswith("rondo-club: create person A1: 400, ")
    assert first == result(failure, total=2, created=1)
    assert second == result(failure, total=2, skipped=1)


# ------------------------------------------------------------------------------------------------ members that left


def test_a_member_that_left_stays_a_person_and_its_data_are_forgotten(systems, club, club_sandbox, writes):
    club(ANNE, BO)
    sync(systems)
    anne = ids(systems)["A1"]
    writes()

    club(BO)
    assert sync(systems) == result(total=1, skipped=1, deleted=1)

    [request] = [one for one in club_sandbox.requests if one.method == "PUT"]
    assert request.body == {"acf": {"first_name": "Anne", "last_name": "Aker", "former_member": True}}
    assert writes() == [f"PUT {PEOPLE}/{anne}"]
    assert list(ids(systems)) == ["B2"]
    assert sync(systems) == result(total=1, skipped=1)


def test_of_a_member_that_left_nothing_but_its_person_stays_on_this_machine(systems, club):
    club(ANNE, BO)
    sync(systems)
    photo = systems.settings.photo_dir / "A1.png"
    photo.parent.mkdir()
    photo.touch()
    systems.state.rondo.set_photo_state("A1", PhotoState.DOWNLOADED)
    systems.state.functions.store([], {"A1": {"freescout-id": 7}, "B2": {"freescout-id": 8}})
    systems.state.contacts.add_changes("A1", {"email": "new@x.example"}, modified_at="2026-01-01T00:00:00")

    club(BO)
    sync(systems)

    connection = systems.state.rondo._connection
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {table: {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")} for table in tables}
    holding = [
        table
        for table in tables
        if "knvb_id" in columns[table] and connection.execute(f"SELECT 1 FROM {table} WHERE knvb_id = 'A1'").fetchone()
    ]
    assert (holding, list(systems.settings.photo_dir.iterdir())) == (["rondo_club_members"], [])
    assert systems.state.functions.free_fields() == {"B2": {"freescout-id": 8}}


def test_a_member_that_comes_back_is_the_same_person(systems, club, club_sandbox):
    club(ANNE, BO)
    sync(systems)
    before = ids(systems)
    club(BO)
    sync(systems)

    club(ANNE, BO)

    assert sync(systems) == result(total=2, updated=1, skipped=1)
    assert ids(systems) == before
    assert [one.body["acf"]["former_member"] for one in club_sandbox.requests if one.method == "PUT"] == [True, False]


def test_a_member_that_left_and_whose_person_is_gone_is_no_failure(systems, club):
    club(ANNE, BO)
    sync(systems)
    systems.rondo_club.delete_person(ids(systems)["A1"])

    club(BO)

    assert sync(systems) == result(total=1, skipped=1)


def test_when_everybody_is_gone_at_once_nothing_is_changed_however_often_it_is_tried(systems, club, writes):
    club(ANNE)
    sync(systems)
    before = ids(systems)
    writes()

    club(BO)
    for _ in range(2):
        with pytest.raises(EmptyDownloadError, match="look at SPORTLINK_USERNAME, or keep another club apart by SYNC_STATE_DIR"):
            sync(systems)

    assert (writes(), ids(systems)) == ([], before)
    assert [member.knvb_id for member in latest_members(systems)] == ["A1"]


# ------------------------------------------------------------------------------------------------ what Rondo Club knows better


def test_the_volunteer_flag_is_taken_over_with_every_read(systems, club, club_sandbox):
    club(ANNE)
    sync(systems)
    club_sandbox.club.volunteers.add("A1")

    club({**ANNE, "City": "Testdorp"})
    sync(systems)

    assert systems.state.rondo.volunteers() == {"A1"}


def contact(kind, value, label=""):
    return {"contact_type": kind, "contact_label": label, "contact_value": value}


def test_labels_and_further_contacts_made_in_rondo_club_are_kept(systems, club, club_sandbox):
    club(ANNE)
    sync(systems)
    further = [contact("mobile", "06-2", "werk"), contact("email", "anne@werk.example")]
    by_hand = [contact("email", "anne@x.example", "thuis"), contact("mobile", "06-1"), *further]
    body = {"acf": {"first_name": "Anne", "last_name": "Aker", "contact_info": by_hand}}
    systems.rondo_club.update_person(ids(systems)["A1"], body)

    club({**ANNE, "Mobile": "06-3"})

    assert sync(systems) == result(total=1, updated=1)
    assert person(club_sandbox, "A1")["acf"]["contact_info"] == [
        contact("email", "anne@x.example", "thuis"),
        contact("mobile", "06-3"),
        *further,
    ]


def test_a_further_contact_that_sportlink_takes_over_is_not_kept_twice(systems, club, club_sandbox):
    club(ANNE)
    sync(systems)
    by_hand = [contact("mobile", "06-1"), contact("mobile", "06-2")]
    body = {"acf": {"first_name": "Anne", "last_name": "Aker", "contact_info": [contact("email", "anne@x.example"), *by_hand]}}
    systems.rondo_club.update_person(ids(systems)["A1"], body)

    club({**ANNE, "Mobile": "06-2"})
    sync(systems)

    assert person(club_sandbox, "A1")["acf"]["contact_info"] == [contact("email", "anne@x.example"), contact("mobile", "06-2")]


# ------------------------------------------------------------------------------------------------ photos


def test_the_date_of_a_photo_decides_what_is_to_be_done(systems, club):
    def photo_states(*dates):
        club(*[{**BO, "PublicPersonId": f"M{n}", "PersonImageDate": date} for n, date in enumerate(dates)])
        sync(systems)
        return [member.photo_state.value for member in systems.state.rondo.members()]

    assert photo_states("2024-01-01", None, "") == ["pending_download", "no_photo", "no_photo"]
    assert photo_states(None, None, "2025-01-01") == ["pending_delete", "no_photo", "pending_download"]
