"""The printed summary."""

from pipelines.report.people import people_report
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

QUIET = """
========================================
PEOPLE SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

SPORTLINK DOWNLOAD
----------------------------------------
Members downloaded: 0

LAPOSTA SYNC
----------------------------------------
Members prepared: 0
Members synced: 0
  Added: 0
  Updated: 0

RONDO CLUB SYNC
----------------------------------------
Persons synced: 0/0
  Created: 0
  Updated: 0

PHOTO SYNC
----------------------------------------
No photo changes

========================================"""

BUSY = """
========================================
PEOPLE SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

SPORTLINK DOWNLOAD
----------------------------------------
Members downloaded: 1069

LAPOSTA SYNC
----------------------------------------
Members prepared: 1400 (12 excluded)
Members synced: 5
  Added: 2
  Updated: 3

RONDO CLUB SYNC
----------------------------------------
Persons synced: 3/1060
  Created: 1
  Updated: 2
  Skipped: 1056

PHOTO SYNC
----------------------------------------
Photos downloaded: 4
Photos uploaded: 3
Photos deleted: 2
Photos skipped: 1 (no local file)

REVERSE SYNC
----------------------------------------
Members synced: 1
  Failed: 1

ERRORS (4)
----------------------------------------
- a@x: no such address
- A1 [rondoClub]: refused
- system [photo-sync]: broken in two
- D4 [reverse-sync]: Unknown error

========================================"""


def test_a_quiet_run_is_told_in_few_lines():
    report = people_report(PeopleStats(completed_at="2026-02-08 09:00:00", duration="45s"))

    assert report.summary == QUIET
    assert report.success


def test_the_members_that_were_pushed_are_named_where_that_is_wanted():
    failed = PushedMember(knvb_id="D4", attempts=3, field_count=1, error="refused")
    pushed = ReverseSyncResult(results=(failed, PushedMember(knvb_id="E5", attempts=1, field_count=2)))

    summary = people_report(PeopleStats(reverse_sync=pushed), shows_pushed_members=True).summary

    section = """
REVERSE SYNC
----------------------------------------
Members synced: 1
  Failed: 1
- D4: failed, fields: 1, attempts: 3
- E5: synced, fields: 2, attempts: 1
"""
    assert section in summary


def test_a_busy_run_is_told_with_everything_that_failed():
    no_address = ErrorRecord(email="a@x", message="no such address")
    refused = ErrorRecord(knvb_id="A1", message="refused", system="rondoClub")
    stats = PeopleStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        download=DownloadResult(downloaded=1069),
        prepare=PrepareResult(lists=[PreparedList(index=1, total=1400, updates=6)], excluded=12),
        laposta=SubmitResult(lists=[SubmittedList(index=1, list_id="a", created=2, updated=3, failures=[no_address])]),
        rondo_club=PersonsResult(
            members=PersonCounts(total=1060, created=1, updated=2, skipped=1056, failures=[refused]), parents=PersonCounts()
        ),
        photos=PhotoStats(
            download=PhotoDownloadResult(total=4, downloaded=4),
            upload=PhotoUploadResult(uploaded=3, deleted=2, postponed=1),
        ),
        reverse_sync=ReverseSyncResult(
            results=(
                PushedMember(knvb_id="D4", attempts=3, field_count=1, error=""),
                PushedMember(knvb_id="E5", attempts=1, field_count=1),
            )
        ),
        step_failures=[ErrorRecord(message="broken\n in two", system="photo-sync")],
    )

    report = people_report(stats)

    assert report.summary == BUSY
    assert not report.success
