"""The stats of a run of functions."""

import pytest

from pipelines.result import ErrorRecord
from pipelines.result.functions import FreeFieldsResult, FunctionsDownloadResult, FunctionsStats
from pipelines.result.posts import PostsResult, WorkHistoryResult

NO_TAB = ErrorRecord(knvb_id="A1", message="no", system="functions-download")
NO_POST = ErrorRecord(commissie_name="Jeugd", message="no", system="commissie-sync")
NO_ROW = ErrorRecord(knvb_id="A1", message="no", system="commissie-work-history-sync")
NO_FIELDS = ErrorRecord(knvb_id="A1", message="no", system="free-fields-sync")


def stats(**more):
    return FunctionsStats(
        download=FunctionsDownloadResult(total=9, downloaded=5, functions_count=4, committees_count=3, failures=[NO_TAB]),
        commissies=PostsResult(total=3, created=1, skipped=1, failures=[NO_POST]),
        work_history=WorkHistoryResult(total=4, synced=3, created=2, ended=1, skipped=30, failures=[NO_ROW]),
        free_fields=FreeFieldsResult(total=9, updated=1, skipped=7, failures=[NO_FIELDS]),
        **more,
    )


def test_the_stats_have_the_structure_that_the_dashboard_knows():
    assert stats(completed_at="2026-02-08 09:00:00", duration="45s").as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "download": {"total": 9, "functionsCount": 4, "committeesCount": 3, "errors": [NO_TAB.as_json()]},
        "commissies": {
            "total": 3,
            "synced": 1,
            "created": 1,
            "updated": 0,
            "skipped": 1,
            "deleted": 0,
            "errors": [NO_POST.as_json()],
        },
        "workHistory": {"total": 4, "synced": 3, "created": 2, "ended": 1, "skipped": 30, "errors": [NO_ROW.as_json()]},
        "freeFields": {"total": 9, "updated": 1, "skipped": 7, "errors": [NO_FIELDS.as_json()]},
    }


@pytest.mark.parametrize(
    ("system", "part"),
    [
        ("functions", "download"),
        ("functions-download", "download"),
        ("commissie-sync", "commissies"),
        ("commissie-work-history-sync", "workHistory"),
        ("free-fields-sync", "freeFields"),
    ],
)
def test_a_step_that_failed_stands_in_its_part_of_the_stats_before_any_item(system, part):
    broken = ErrorRecord(message="broken", system=system)

    failed = stats(step_failures=[broken])

    assert failed.as_json()[part]["errors"][0] == broken.as_json()
    assert len(failed.failures) == 5


def test_the_step_of_the_download_counts_members_and_those_that_failed_once():
    assert (stats().download.created, stats().download.failed) == (9, 1)
