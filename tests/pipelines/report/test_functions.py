"""The printed summary of a run of functions."""

from pipelines.report.functions import functions_report
from pipelines.result import ErrorRecord
from pipelines.result.functions import FreeFieldsResult, FunctionsDownloadResult, FunctionsStats
from pipelines.result.posts import PostsResult, WorkHistoryResult

BUSY = """
========================================
FUNCTIONS SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

FUNCTIONS DOWNLOAD
----------------------------------------
Members processed: 9
Functions: 4
Committee memberships: 3

COMMISSIES SYNC TO RONDO CLUB
----------------------------------------
Commissies synced: 1/3
  Created: 1
  Deleted: 1
  Skipped: 2

COMMISSIE WORK HISTORY SYNC
----------------------------------------
Members synced: 3/4
  Added: 2
  Ended: 1

FREE FIELDS SYNC
----------------------------------------
Members synced: 2/9

ERRORS (1)
----------------------------------------
- A1 [functions-download]: 500

========================================"""


def test_a_busy_run_is_told_with_everything_that_failed():
    failed = ErrorRecord(knvb_id="A1", message="500", system="functions-download")
    stats = FunctionsStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        download=FunctionsDownloadResult(total=9, downloaded=5, functions_count=4, committees_count=3, failures=[failed]),
        commissies=PostsResult(total=3, created=1, skipped=2, deleted=1),
        work_history=WorkHistoryResult(total=4, synced=3, created=2, ended=1),
        free_fields=FreeFieldsResult(total=9, updated=2, skipped=7),
    )

    report = functions_report(stats)

    assert report.summary == BUSY
    assert not report.success


def test_a_run_without_free_fields_has_no_section_for_them():
    report = functions_report(FunctionsStats())

    assert "FREE FIELDS" not in report.summary
    assert report.success
