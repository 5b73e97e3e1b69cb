"""The printed summary of a run of discipline."""

from pipelines.report.discipline import discipline_report
from pipelines.result import ErrorRecord
from pipelines.result.discipline import CaseDownloadResult, CasesResult, DisciplineStats

BUSY = """
========================================
DISCIPLINE SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

DISCIPLINE DOWNLOAD
----------------------------------------
Cases downloaded: 9

RONDO CLUB SYNC
----------------------------------------
Cases synced: 3/8
  Created: 1
  Updated: 2
  Skipped: 3
  Linked to persons: 6
  Skipped (no person): 1
  Dismissed (not in Sportlink any more): 4

ERRORS (1)
----------------------------------------
- T-1 [discipline-sync]: refused

========================================"""


def test_a_busy_run_is_told_with_everything_that_failed():
    refused = ErrorRecord(dossier_id="T-1", message="refused", system="discipline-sync")
    stats = DisciplineStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        download=CaseDownloadResult(case_count=9),
        sync=CasesResult(total=8, created=1, updated=2, skipped=3, skipped_no_person=1, dismissed=4, failures=[refused]),
    )

    report = discipline_report(stats)

    assert report.summary == BUSY
    assert not report.success


def test_a_quiet_run_is_told_in_few_lines():
    report = discipline_report(DisciplineStats())

    assert "Cases synced: 0/0\n\n====" in report.summary
    assert report.success
