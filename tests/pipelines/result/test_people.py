"""Results of steps, and the stats that are made of them."""

import pytest

from otel_sqlite import ItemError
from pipelines.result import ErrorRecord
from pipelines.result.people import (
    DownloadResult,
    PeopleStats,
    PersonCounts,
    PersonsResult,
    PhotoDownloadResult,
    PhotoStats,
    PhotoUploadResult,
    PreparedList,
    PrepareResult,
    PushedMember,
    ReverseSyncResult,
    SubmitResult,
    SubmittedList,
)

NO_ADDRESS = ErrorRecord(email="a@x", message="no")
NO_PERSON = ErrorRecord(knvb_id="A1", message="no", system="rondoClub")
NO_PARENT = ErrorRecord(email="p@x", message="no", system="rondoClub")
NO_DOWNLOAD = ErrorRecord(knvb_id="B2", message="no", system="photo-download")
NO_UPLOAD = ErrorRecord(knvb_id="C3", message="no", system="photo-upload")
NO_PUSH = PushedMember(knvb_id="D4", attempts=3, field_count=2, error="no")
PUSH = PushedMember(knvb_id="E5", attempts=1, field_count=1)

DOWNLOAD = DownloadResult(downloaded=7)
PREPARE = PrepareResult(lists=[PreparedList(index=1, total=5, updates=2), PreparedList(index=2, total=3, updates=0)], excluded=1)
SUBMIT = SubmitResult(
    lists=[
        SubmittedList(index=1, list_id="list-a", total=5, created=1, updated=2, failures=[NO_ADDRESS]),
        SubmittedList(index=2, list_id=None),
    ]
)
PERSONS = PersonsResult(
    members=PersonCounts(total=7, created=1, updated=2, skipped=3, deleted=1, conflicts=1, failures=[NO_PERSON]),
    parents=PersonCounts(total=4, created=1, updated=1, skipped=1, failures=[NO_PARENT]),
)
PHOTO_DOWNLOAD = PhotoDownloadResult(total=4, downloaded=2, missing=1, failures=[NO_DOWNLOAD])
PHOTO_UPLOAD = PhotoUploadResult(uploaded=2, deleted=1, postponed=1, failures=[NO_UPLOAD])
REVERSE_SYNC = ReverseSyncResult(results=(NO_PUSH, PUSH))


# ------------------------------------------------------------------------------------------------ what the tracking counts


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        (DOWNLOAD, (7, 0, 0, 0)),
        (PREPARE, (8, 0, 0, 0)),
        (SUBMIT, (1, 2, 0, 1)),
        (PERSONS, (2, 3, 4, 2)),
        (PHOTO_DOWNLOAD, (2, 0, 0, 1)),
        (PHOTO_UPLOAD, (2, 0, 1, 1)),
        (REVERSE_SYNC, (0, 1, 0, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_step_counts_what_its_columns_mean(result, counts):
    assert (result.created, result.updated, result.skipped, result.failed) == counts
    assert len(result.errors) == result.failed


def test_an_item_error_has_the_identifier_and_the_text():
    assert PERSONS.errors == [ItemError(item_id="A1", message="no"), ItemError(item_id="p@x", message="no")]
    assert REVERSE_SYNC.errors == [ItemError(item_id="D4", message="no")]


# ------------------------------------------------------------------------------------------------ the stats


def all_stats():
    return PeopleStats(
        download=DOWNLOAD,
        prepare=PREPARE,
        laposta=SUBMIT,
        rondo_club=PERSONS,
        photos=PhotoStats(download=PHOTO_DOWNLOAD, upload=PHOTO_UPLOAD),
        reverse_sync=REVERSE_SYNC,
    )


def test_the_stats_have_the_structure_that_the_dashboard_knows(clock):
    summaries = []

    with all_stats().completing(summaries.append, clock):
        pass

    assert summaries == [
        {
            "completedAt": "2026-02-08 09:01:45",
            "duration": "2m 30s",
            "downloaded": 7,
            "prepared": 8,
            "excluded": 1,
            "synced": 3,
            "added": 1,
            "updated": 2,
            "errors": [{"email": "a@x", "message": "no"}],
            "lists": [
                {
                    "index": 1,
                    "listId": "list-a",
                    "total": 5,
                    "synced": 3,
                    "added": 1,
                    "updated": 2,
                    "errors": [{"email": "a@x", "message": "no"}],
                },
                {"index": 2, "listId": None, "total": 0, "synced": 0, "added": 0, "updated": 0, "errors": []},
            ],
            "rondoClub": {
                "total": 11,
                "synced": 5,
                "created": 2,
                "updated": 3,
                "skipped": 4,
                "errors": [
                    {"knvb_id": "A1", "message": "no", "system": "rondoClub"},
                    {"email": "p@x", "message": "no", "system": "rondoClub"},
                ],
            },
            "photos": {
                "downloaded": 2,
                "uploaded": 2,
                "deleted": 1,
                "skipped": 1,
                "errors": [
                    {"knvb_id": "B2", "message": "no", "system": "photo-download"},
                    {"knvb_id": "C3", "message": "no", "system": "photo-upload"},
                ],
            },
            "reverseSync": {
                "synced": 1,
                "failed": 1,
                "errors": [{"knvb_id": "D4", "message": "no", "system": "reverse-sync"}],
                "results": [
                    {"knvbId": "D4", "success": False, "attempts": 3, "fieldCount": 2, "error": "no"},
                    {"knvbId": "E5", "success": True, "attempts": 1, "fieldCount": 1, "error": None},
                ],
            },
        }
    ]


@pytest.mark.parametrize(
    ("system", "section"),
    [
        ("people", []),
        ("laposta", []),
        ("rondoClub", ["rondoClub"]),
        ("photo-download", ["photos"]),
        ("photo-sync", ["photos"]),
        ("reverse-sync", ["reverseSync"]),
    ],
)
def test_a_step_that_failed_stands_in_its_part_of_the_stats_before_any_item(system, section):
    stats = all_stats()
    stats.step_failures.append(ErrorRecord(message="broken", system=system))

    part = stats.as_json()
    for name in section:
        part = part[name]

    assert part["errors"][0] == {"message": "broken", "system": system}
    assert len(stats.failures) == len(all_stats().failures) + 1
