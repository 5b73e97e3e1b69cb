"""Photos on their way from Sportlink to Rondo Club."""

import stat
from dataclasses import replace

import pytest

from pipelines.errors import LoginError
from pipelines.result import ErrorRecord
from pipelines.result.people import PhotoDownloadResult, PhotoUploadResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_members, download_photos, sync_persons, upload_photos

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "PersonImageDate": "2024-09-02"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "PersonImageDate": "2025-01-01"}


def fault(kind, system, subject, **more):
    return Fault(kind=kind, system=system, subject=subject, times=None, **more)


PHOTO_IS_REFUSED = fault(FaultKind.SERVER_ERROR, "sportlink", "A1", path="/photos/*")
UPLOAD_IS_REFUSED = fault(FaultKind.REFUSED, "rondo-club", "A1", path="*/photo")
PERSON_IS_REFUSED = fault(FaultKind.REFUSED, "rondo-club", "A1", path="*/people")


def sync(systems):
    download_members(systems)
    sync_persons(systems)
    return download_photos(systems), upload_photos(systems)


def downloaded(*failures, **counts):
    return PhotoDownloadResult(**counts, failures=list(failures))


def uploaded(*failures, **counts):
    return PhotoUploadResult(**counts, failures=list(failures))


def states(systems):
    return {member.knvb_id: member.photo_state.value for member in systems.state.rondo.members()}


def person_id(systems, knvb_id):
    return next(member.person_id for member in systems.state.rondo.members() if member.knvb_id == knvb_id)


def test_a_photo_goes_from_sportlink_to_rondo_club(systems, club, club_sandbox):
    club(ANNE, {**BO, "PersonImageDate": None})

    assert sync(systems) == (downloaded(total=1, downloaded=1), uploaded(uploaded=1))

    photo = club_sandbox.club.find_photo("A1")
    [(owner, upload)] = club_sandbox.rondo_club.photos().items()
    assert (owner, upload.content, upload.content_type) == (person_id(systems, "A1"), photo.content, photo.content_type)
    assert states(systems) == {"A1": "synced", "B2": "no_photo"}


def test_nobody_else_can_look_at_the_photos(systems, club):
    club(ANNE)
    sync(systems)

    folder = systems.settings.photo_dir
    [file] = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    assert file.stem == "A1"


def test_a_second_run_moves_nothing_and_a_new_date_moves_the_photo_again(systems, club, club_sandbox, writes):
    club(ANNE)
    sync(systems)
    writes()

    assert sync(systems) == (downloaded(), uploaded())
    assert writes() == []

    club({**ANNE, "PersonImageDate": "2026-01-01"})
    assert sync(systems) == (downloaded(total=1, downloaded=1), uploaded(uploaded=1))
    [upload] = club_sandbox.rondo_club.photos().values()
    assert upload.content == club_sandbox.club.find_photo("A1").content


def test_the_address_of_a_photo_is_used_at_once(systems, club, club_sandbox):
    club(ANNE, BO)
    sync(systems)

    asked = [one.path.rpartition("/")[2] for one in club_sandbox.requests if "MemberHeader" in one.path or "/photos/" in one.path]
    assert asked == ["MemberHeader", "A1", "MemberHeader", "B2"]


def test_a_photo_that_is_not_there_is_no_failure_and_waits_for_another_date(systems, club):
    club(ANNE)
    download_members(systems)
    sync_persons(systems)
    club({**ANNE, "PersonImageDate": None})

    assert download_photos(systems) == downloaded(total=1, missing=1)
    assert states(systems) == {"A1": "error"}

    club(ANNE)
    assert sync(systems) == (downloaded(), uploaded())
    club({**ANNE, "PersonImageDate": "2026-01-01"})
    assert sync(systems) == (downloaded(total=1, downloaded=1), uploaded(uploaded=1))


@pytest.mark.parametrize("club_sandbox", [[PHOTO_IS_REFUSED]], indirect=True, ids=["photo-is-refused"])
def test_a_photo_that_cannot_be_downloaded_is_a_failure_of_that_step_alone(systems, club):
    club(ANNE, BO)

    first, second = sync(systems), sync(systems)

    [failure] = first[0].failures
    assert failure == ErrorRecord(knvb_id="A1", message=failure.text, system="photo-download")
    assert first == (downloaded(failure, total=2, downloaded=1), uploaded(uploaded=1))
    assert second == (downloaded(failure, total=1), uploaded())


@pytest.mark.parametrize("club_sandbox", [[UPLOAD_IS_REFUSED]], indirect=True, ids=["upload-is-refused"])
def test_a_photo_that_is_refused_is_a_failure_and_is_tried_again(systems, club):
    club(ANNE, BO)

    first, second = sync(systems), sync(systems)

    [failure] = first[1].failures
    assert failure == ErrorRecord(knvb_id="A1", message=failure.text, system="photo-upload")
    assert first == (downloaded(total=2, downloaded=2), uploaded(failure, uploaded=1))
    assert second == (downloaded(), uploaded(failure))


@pytest.mark.parametrize("club_sandbox", [[PERSON_IS_REFUSED]], indirect=True, ids=["person-is-refused"])
def test_a_photo_without_a_person_waits_and_is_a_failure(systems, club):
    club(ANNE)

    _, upload = sync(systems)

    message = "the member has no person in Rondo Club yet (see rondo-club-sync)"
    assert upload == uploaded(ErrorRecord(knvb_id="A1", message=message, system="photo-upload"), postponed=1)
    assert (upload.created, upload.skipped, upload.failed) == (0, 1, 1)
    assert states(systems) == {"A1": "downloaded"}


def test_a_photo_whose_file_is_gone_is_downloaded_again(systems, club):
    club(ANNE)
    download_members(systems)
    sync_persons(systems)
    download_photos(systems)
    for file in systems.settings.photo_dir.iterdir():
        file.unlink()

    upload = upload_photos(systems)

    message = "the photo's file is gone (the next run downloads it again)"
    assert upload == uploaded(ErrorRecord(knvb_id="A1", message=message, system="photo-upload"), postponed=1)
    assert sync(systems) == (downloaded(total=1, downloaded=1), uploaded(uploaded=1))


def test_a_photo_that_sportlink_does_not_have_any_more_is_deleted(systems, club, club_sandbox):
    club(ANNE, BO)
    sync(systems)

    club({**ANNE, "PersonImageDate": None}, BO)

    assert sync(systems) == (downloaded(), uploaded(deleted=1))
    assert list(club_sandbox.rondo_club.photos()) == [person_id(systems, "B2")]
    assert [path.stem for path in systems.settings.photo_dir.iterdir()] == ["B2"]
    assert states(systems) == {"A1": "no_photo", "B2": "synced"}


def test_deleting_a_photo_that_is_gone_is_no_failure(systems, club):
    club(ANNE)
    sync(systems)
    systems.rondo_club.delete_photo(person_id(systems, "A1"))

    club({**ANNE, "PersonImageDate": None})

    assert sync(systems) == (downloaded(), uploaded(deleted=1))


def test_a_person_that_was_created_again_gets_its_photo_again(systems, club, club_sandbox):
    club(ANNE)
    sync(systems)
    systems.rondo_club.delete_person(person_id(systems, "A1"))

    club({**ANNE, "City": "Testdorp"})
    download_members(systems)
    sync_persons(systems)

    assert states(systems) == {"A1": "pending_download"}
    assert (download_photos(systems), upload_photos(systems)) == (downloaded(total=1, downloaded=1), uploaded(uploaded=1))
    assert person_id(systems, "A1") in club_sandbox.rondo_club.photos()


def test_a_person_that_is_found_gone_at_the_upload_is_forgotten(systems, club):
    club(ANNE)
    download_members(systems)
    sync_persons(systems)
    download_photos(systems)
    systems.rondo_club.delete_person(person_id(systems, "A1"))

    assert [failure.identifier for failure in upload_photos(systems).failures] == ["A1"]
    assert person_id(systems, "A1") is None

    assert sync(systems) == (downloaded(), uploaded(uploaded=1))


def test_a_login_that_is_refused_ends_the_step(systems, club):
    club(ANNE, BO)
    download_members(systems)
    sync_persons(systems)
    settings = replace(systems.settings, sportlink=replace(systems.settings.sportlink, password="wrong"))

    with Systems.open(settings) as refused, pytest.raises(LoginError):
        download_photos(refused)
