"""The pipeline people as a whole."""

import inspect
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_sqlite import ItemError, Outcome
from otel_sqlite.testing import RecordedStep, recorded
from pipelines.result import ErrorRecord
from pipelines.result.people import DownloadResult
from pipelines.sandbox import Fault, FaultKind, Faults, running
from pipelines.settings import Settings
from pipelines.state import PhotoState
from pipelines.sync_people import main, sync_people
from pipelines.systems import Systems
from pipelines.transform.person import partial_body

STEPS = [
    "sportlink-download",
    "laposta-prepare",
    "laposta-submit",
    "rondo-club-sync",
    "photo-download",
    "photo-upload",
    "reverse-sync",
]
KIM = {
    "PublicPersonId": "K1",
    "FirstName": "Kim",
    "LastName": "Kind",
    "Email": "kim@x.example",
    "NameParent1": "S. Ouder",
    "EmailAddressParent1": "o@x.example",
    "PersonImageDate": "2024-09-02",
}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example"}


def fault(system, path="*", kind=FaultKind.SERVER_ERROR, **more):
    return Fault(kind=kind, system=system, path=path, times=None, **more)


def clock():
    times = iter([datetime(2026, 2, 8, 8, 59, 15, tzinfo=UTC), datetime(2026, 2, 8, 9, 0, 0, tzinfo=UTC)])
    return lambda: next(times)


def sync(systems, **flags):
    """The report of a run and what was tracked of it."""
    with recorded() as runs:
        report = sync_people(systems, clock=clock(), **flags)
    [run] = runs
    return report, run


def step(name, outcome=Outcome.SUCCESS, errors=(), **counts):
    zero = {"created": 0, "updated": 0, "skipped": 0, "failed": 0}
    return RecordedStep(name=name, outcome=outcome, errors=list(errors), detail=None, skip_reason=None, **(zero | counts))


def outcomes(run):
    return {one.name: one.outcome.value for one in run.steps}


# ------------------------------------------------------------------------------------------------ a run that goes well


def test_a_first_run_brings_everything_everywhere(systems, club, club_sandbox):
    club(KIM, BO)

    report, run = sync(systems)

    assert run.steps == [
        step("sportlink-download", created=2),
        step("laposta-prepare", created=3),
        step("laposta-submit", created=3),
        step("rondo-club-sync", created=3),
        step("photo-download", created=1),
        step("photo-upload", created=1),
        step("reverse-sync"),
    ]
    assert (run.pipeline, run.outcome, run.errors) == ("people", Outcome.SUCCESS, [])
    assert json.loads(run.summary or "") == report.stats.as_json()
    assert report.success
    assert (report.stats.completed_at, report.stats.duration) == ("2026-02-08 09:00:00", "45s")
    assert {one["acf"]["first_name"] for one in club_sandbox.rondo_club.persons()} == {"Kim", "Bo", "S. Ouder"}


def test_a_second_run_finds_nothing_to_do(systems, club, writes):
    club(KIM, BO)
    sync(systems)
    writes()

    report, run = sync(systems)

    assert writes() == []
    assert run.steps == [
        step("sportlink-download", created=2),
        step("laposta-prepare", created=3),
        step("laposta-submit"),
        step("rondo-club-sync", skipped=3),
        step("photo-download"),
        step("photo-upload"),
        step("reverse-sync"),
    ]
    assert report.success


def test_force_sends_what_was_sent_before(systems, club):
    club(KIM, BO)
    sync(systems)

    _, run = sync(systems, force=True)

    assert run.steps[2:4] == [step("laposta-submit", updated=3), step("rondo-club-sync", updated=2, skipped=1)]


# ------------------------------------------------------------------------------------------------ items that fail


@pytest.mark.parametrize(
    "club_sandbox", [[fault("rondo-club", kind=FaultKind.REFUSED, method="POST", subject="B2")]], indirect=True, ids=["bo"]
)
def test_a_member_that_fails_makes_the_step_and_the_run_partial(systems, club):
    club(KIM, BO)

    report, run = sync(systems)

    [failure] = report.stats.failures
    assert failure == ErrorRecord(knvb_id="B2", message=failure.text, system="rondoClub")
    errors = [ItemError("B2", failure.text)]
    assert run.steps[3] == step("rondo-club-sync", Outcome.PARTIAL, errors, created=2, failed=1)
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "/photos/*")]], indirect=True, ids=["photos"])
def test_a_photo_that_fails_is_counted_in_the_step_where_it_failed_alone(systems, club):
    club(KIM)

    report, run = sync(systems)

    [failure] = report.stats.failures
    errors = [ItemError("K1", failure.text)]
    assert run.steps[4:6] == [step("photo-download", Outcome.PARTIAL, errors, failed=1), step("photo-upload")]


# ------------------------------------------------------------------------------------------------ steps that fail


@pytest.mark.parametrize("club_sandbox", [[fault("sportlink", "*/SearchMembers")]], indirect=True, ids=["search-fails"])
def test_a_download_that_fails_ends_the_run(systems, club, club_sandbox):
    club(KIM)

    report, run = sync(systems)

    assert outcomes(run) == {"sportlink-download": "failure"}
    assert (run.outcome, run.errors, len(run.steps[0].errors)) == (Outcome.FAILURE, [], 1)
    assert {one.system for one in club_sandbox.requests} == {"sportlink"}
    [failure] = report.stats.failures
    assert failure == ErrorRecord(message=failure.text, system="people")
    assert failure.text.startswith("sportlink: download members: 500")
    assert not report.success
    assert json.loads(run.summary or "") == report.stats.as_json()
    assert report.stats.completed_at == "2026-02-08 09:00:00"
    assert f"ERRORS (1)\n{'-' * 40}\n- system [people]: {failure.text}\n" in report.summary


def test_an_empty_download_ends_the_run_and_nothing_is_taken_out(systems, club, writes):
    club(KIM, BO)
    sync(systems)
    before = systems.state.rondo.members(), systems.state.rondo.parents()
    writes()

    club()
    report, run = sync(systems)

    assert outcomes(run) == {"sportlink-download": "failure"}
    assert (report.stats.download, writes()) == (DownloadResult(), [])
    assert (systems.state.rondo.members(), systems.state.rondo.parents()) == before


def test_a_preparation_that_fails_ends_the_run(systems, club, club_sandbox):
    club({**BO, "Email": ""})

    report, run = sync(systems)

    assert outcomes(run) == {"sportlink-download": "success", "laposta-prepare": "failure"}
    assert (run.outcome, report.stats.download, report.success) == (Outcome.FAILURE, DownloadResult(downloaded=1), False)
    assert not [one for one in club_sandbox.requests if one.system == "laposta"]


@pytest.mark.parametrize(
    ("doing", "failing", "told"),
    [
        ("submitting to list 1", "laposta-submit", "  Added: 1"),
        ("syncing members", "rondo-club-sync", "  Created: 1"),
        ("downloading photos", "photo-download", "Photos downloaded: 1"),
    ],
    ids=["laposta", "persons", "photos"],
)
def test_a_step_that_raises_midway_leaves_what_it_did_everywhere(systems, club, doing, failing, told):
    club(KIM, {**BO, "PersonImageDate": "2024-09-02"})

    def give_up(what, _done, _total):
        if what == doing:
            raise RuntimeError("no more")

    report, run = sync(replace(systems, progress=give_up))

    [tracked] = [one for one in run.steps if one.name == failing]
    assert (tracked.outcome, tracked.created, tracked.failed) == (Outcome.FAILURE, 1, 0)
    assert json.loads(run.summary) == report.stats.as_json()
    assert told in report.summary.splitlines()


def break_laposta(systems):
    return replace(systems.settings, laposta=replace(systems.settings.laposta, api_key="wrong"))


def break_parents(systems):
    systems.state.rondo._connection.execute(
        "CREATE TRIGGER no_more BEFORE UPDATE ON rondo_club_parents BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    return systems.settings


def break_photo_folder(systems):
    systems.state.rondo.set_photo_state("K1", PhotoState.PENDING_DOWNLOAD)
    return replace(systems.settings, photo_dir=systems.settings.state_dir / "rondo-sync.sqlite")


def break_photo_file(systems):
    systems.state.rondo.set_photo_state("K1", PhotoState.DOWNLOADED)
    [file] = systems.settings.photo_dir.iterdir()
    file.unlink()
    file.mkdir()
    return systems.settings


def break_changes(systems):
    [kim] = [member for member in systems.state.rondo.members() if member.knvb_id == "K1"]
    phone = {"contact_type": "phone", "contact_label": "", "contact_value": "010"}
    systems.rondo_club.update_person(kim.person_id, partial_body(kim.body["acf"], contact_info=[phone]))
    systems.state.contacts._connection.execute(
        "CREATE TRIGGER no_more BEFORE UPDATE OF sportlink_value ON rondo_club_contact_fields"
        " BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    return systems.settings


@pytest.mark.parametrize(
    ("failing", "system", "break_it"),
    [
        ("laposta-submit", "laposta", break_laposta),
        ("rondo-club-sync", "rondoClub", break_parents),
        ("photo-download", "photo-download", break_photo_folder),
        ("photo-upload", "photo-sync", break_photo_file),
        ("reverse-sync", "reverse-sync", break_changes),
    ],
)
def test_any_other_step_may_fail_in_any_way_and_the_run_goes_on(systems, club, failing, system, break_it):
    club(KIM, BO)
    sync(systems)

    with Systems.open(break_it(systems)) as broken:
        report, run = sync(broken, force=True)

    assert outcomes(run) == dict.fromkeys(STEPS, "success") | {failing: "failure"}
    assert (run.outcome, run.errors) == (Outcome.PARTIAL, [])
    [step_error] = [error for one in run.steps for error in one.errors]
    assert step_error.item_id is None
    assert report.stats.failures == [ErrorRecord(message=step_error.message, system=system)]


# ------------------------------------------------------------------------------------------------ change detection, as a law


def test_a_second_run_of_the_demo_tries_what_failed_and_nothing_else(tmp_path):
    with running(tmp_path / "sandbox", members=150, faults=Faults.demo()) as sandbox:
        own = {"SYNC_STATE_DIR": str(tmp_path / "state"), "SYNC_PHOTO_DIR": str(tmp_path / "photos")}
        with Systems.open(Settings.from_env({**sandbox.environment, **own})) as systems:
            first, second = sync_people(systems), sync_people(systems)

    counts = second.stats.as_json()
    assert second.stats.failures == first.stats.failures
    assert (counts["prepared"], counts["added"], counts["updated"]) == (first.stats.prepare.created, 0, 0)
    assert (counts["rondoClub"]["created"], counts["rondoClub"]["updated"]) == (0, 0)
    assert (counts["photos"]["downloaded"], counts["photos"]["uploaded"]) == (0, 0)


ONE_PERSON_EACH = (
    "Infix",
    "LastName",
    "Mobile",
    "Telephone",
    "StreetName",
    "AddressNumber",
    "City",
    "ZipCode",
    "AgeClassDescription",
    "TypeOfMemberDescription",
    "RelationEnd",
)
"""Fields that the person of the member shows and no other person does."""


def test_one_changed_field_of_one_member_is_one_request(tmp_path):
    with running(tmp_path / "sandbox", members=25) as sandbox:
        own = {"SYNC_STATE_DIR": str(tmp_path / "state"), "SYNC_PHOTO_DIR": str(tmp_path / "photos")}
        with Systems.open(Settings.from_env({**sandbox.environment, **own})) as systems:
            known = [sync_people(systems) for _ in range(2)]
            person_ids = {member.knvb_id: member.person_id for member in systems.state.rondo.members()}
            assert known[1].stats.rondo_club.created + known[1].stats.rondo_club.updated == 0

            @settings(max_examples=15, deadline=None)
            @given(st.sampled_from(sorted(person_ids)), st.sampled_from(ONE_PERSON_EACH), st.uuids())
            def change_one_field(knvb_id, field, value):
                sandbox.club.find_member(knvb_id)[field] = str(value)
                before = len(sandbox.requests)

                sync_people(systems)
                sync_people(systems)

                writes = [one for one in sandbox.requests[before:] if one.system == "rondo-club" and one.method != "GET"]
                wrote = [f"{one.method} {one.path}" for one in writes]
                assert wrote == [f"PUT /wp-json/wp/v2/people/{person_ids[knvb_id]}"]

            change_one_field()


# ------------------------------------------------------------------------------------------------ the shape of the pipeline


def test_tracking_adds_at_most_fifteen_lines_and_two_a_step():
    lines = Path(inspect.getfile(sync_people)).read_text(encoding="utf-8").splitlines()

    added = [line for line in lines if re.search(r"from otel_sqlite|\brun\(|\br\.step\(", line)]

    assert len(added) <= 15
    assert sum("s.record(" in line for line in lines) == sum("r.step(" in line for line in lines) == len(STEPS)


def test_the_pipeline_is_a_command():
    assert main.name == "sync-people"
