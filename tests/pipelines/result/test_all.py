"""The stats of a run of all, which are made of those of the other pipelines."""

from pipelines.result import ErrorRecord
from pipelines.result.all import AllStats, InnerRunResult, PhotoCoverage
from pipelines.result.discipline import CaseDownloadResult, CasesResult, DisciplineStats
from pipelines.result.freescout import CustomersResult
from pipelines.result.functions import FunctionsDownloadResult, FunctionsStats
from pipelines.result.people import (
    DownloadResult,
    PeopleStats,
    PersonCounts,
    PersonsResult,
    PhotoDownloadResult,
    PhotoStats,
    PhotoUploadResult,
    SubmitResult,
    SubmittedList,
)
from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.teams import TeamsStats


def failure(system, **identity):
    return ErrorRecord(message="no", system=system, **identity)


def shown(system, **identity):
    return {**identity, "message": "no", "system": system}


DISCIPLINE = DisciplineStats(
    download=CaseDownloadResult(case_count=9),
    sync=CasesResult(
        total=9, created=1, updated=2, skipped=3, skipped_no_person=2, failures=[failure("discipline-sync", dossier_id="T-1")]
    ),
    step_failures=[failure("discipline-download")],
)
STATS = AllStats(
    completed_at="2026-02-08 09:00:00",
    duration="45s",
    people=PeopleStats(
        download=DownloadResult(downloaded=7),
        laposta=SubmitResult(lists=[SubmittedList(index=1, list_id="a", total=5, created=1, updated=2)]),
        rondo_club=PersonsResult(
            members=PersonCounts(total=7, created=1, updated=2, skipped=4, deleted=1), parents=PersonCounts(deleted=2)
        ),
        photos=PhotoStats(
            download=PhotoDownloadResult(total=4, downloaded=2, missing=1, failures=[failure("photo-download", knvb_id="A1")]),
            upload=PhotoUploadResult(
                uploaded=2,
                deleted=1,
                postponed=1,
                failures=[failure("photo-upload", knvb_id="B2"), failure("photo-delete", knvb_id="C3")],
            ),
        ),
        step_failures=[failure("laposta"), failure("rondoClub"), failure("photo-sync")],
    ),
    teams=TeamsStats(
        teams=PostsResult(total=3, created=1, updated=1, skipped=1),
        work_history=WorkHistoryResult(total=4, synced=3, created=2, ended=1, skipped=5),
        step_failures=[failure("team-download"), failure("team-sync")],
    ),
    functions=FunctionsStats(
        download=FunctionsDownloadResult(total=6, downloaded=4, functions_count=3, committees_count=2),
        commissies=PostsResult(total=2, deleted=1),
        step_failures=[failure("functions-download"), failure("commissie-work-history-sync")],
    ),
    coverage=PhotoCoverage(members_with_photos=5, total_members=7),
    customers=CustomersResult(total=5, created=1, updated=2, skipped=2, deleted=1),
    discipline=InnerRunResult(stats=DISCIPLINE),
    step_failures=[failure("freescout"), failure("discipline"), failure("all")],
)


def test_the_run_of_discipline_counts_as_a_step():
    result = STATS.discipline

    assert (result.created, result.updated, result.skipped, result.failed) == (1, 2, 3, 2)
    assert [error.item_id for error in result.errors] == [None, "T-1"]


def test_the_stats_have_the_structure_that_the_dashboard_knows():
    assert STATS.as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "downloaded": 7,
        "prepared": 0,
        "excluded": 0,
        "synced": 3,
        "added": 1,
        "updated": 2,
        "errors": [shown("all"), shown("laposta")],
        "lists": [{"index": 1, "listId": "a", "total": 5, "synced": 3, "added": 1, "updated": 2, "errors": []}],
        "rondoClub": {
            "total": 7,
            "synced": 3,
            "created": 1,
            "updated": 2,
            "skipped": 4,
            "deleted": 3,
            "errors": [shown("rondoClub")],
        },
        "photos": {
            "download": {
                "total": 4,
                "downloaded": 2,
                "skipped": 1,
                "failed": 1,
                "errors": [shown("photo-download", knvb_id="A1")],
            },
            "upload": {
                "total": 3,
                "synced": 2,
                "skipped": 1,
                "errors": [shown("photo-sync"), shown("photo-upload", knvb_id="B2")],
            },
            "delete": {"total": 2, "deleted": 1, "errors": [shown("photo-delete", knvb_id="C3")]},
            "coverage": {"members_with_photos": 5, "total_members": 7},
        },
        "teams": {
            "total": 3,
            "synced": 2,
            "created": 1,
            "updated": 1,
            "skipped": 1,
            "deleted": 0,
            "errors": [shown("team-download"), shown("team-sync")],
        },
        "workHistory": {"total": 4, "synced": 3, "created": 2, "ended": 1, "skipped": 5, "errors": []},
        "functions": {
            "total": 6,
            "downloaded": 4,
            "functionsCount": 3,
            "committeesCount": 2,
            "errors": [shown("functions-download")],
        },
        "commissies": {"total": 2, "synced": 0, "created": 0, "updated": 0, "skipped": 0, "deleted": 1, "errors": []},
        "commissieWorkHistory": {
            "total": 0,
            "synced": 0,
            "created": 0,
            "ended": 0,
            "skipped": 0,
            "errors": [shown("commissie-work-history-sync")],
        },
        "freescout": {
            "total": 5,
            "synced": 3,
            "created": 1,
            "updated": 2,
            "skipped": 2,
            "deleted": 1,
            "errors": [shown("freescout")],
        },
        "discipline": {
            "total": 9,
            "synced": 3,
            "created": 1,
            "updated": 2,
            "skipped": 3,
            "linked": 6,
            "skipped_no_person": 2,
            "dismissed": 0,
            "errors": [shown("discipline"), shown("discipline-download"), shown("discipline-sync", dossier_id="T-1")],
        },
    }


def test_every_failure_stands_in_the_stats_and_counts_once():
    def errors(part):
        if isinstance(part, dict):
            return [*part.get("errors", []), *(error for value in part.values() for error in errors(value))]
        return []

    assert len(STATS.failures) == len(errors(STATS.as_json())) == 15
    assert AllStats().failures == []
