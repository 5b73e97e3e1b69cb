"""The printed summary of nikki."""

from pipelines.report.nikki import nikki_report
from pipelines.result import ErrorRecord
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult, NikkiStats

TIMES = {"completed_at": "2026-02-08 09:00:00", "duration": "45s"}

QUIET = """
========================================
NIKKI SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

NIKKI DOWNLOAD
----------------------------------------
Contributions downloaded: 12

RONDO CLUB SYNC
----------------------------------------
Persons updated: 3
Skipped: 4 (unchanged)
Skipped: 2 (no Rondo Club ID)

========================================"""


def test_a_quiet_run_is_told_in_few_lines():
    stats = NikkiStats(
        **TIMES,
        download=NikkiDownloadResult(count=12),
        contributions=ContributionsResult(updated=3, skipped=4, without_person=2),
    )

    report = nikki_report(stats)

    assert (report.summary, report.success) == (QUIET, True)


def test_a_run_with_failures_tells_how_many_there_are_and_not_whose():
    refused = ErrorRecord(knvb_id="A1", message="refused", system="rondoClub")
    stats = NikkiStats(**TIMES, contributions=ContributionsResult(failures=[refused]))

    report = nikki_report(stats)

    assert report.summary.endswith("Skipped: 0 (no Rondo Club ID)\nErrors: 1\n\n========================================")
    assert not report.success
