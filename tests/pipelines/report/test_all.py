"""The printed summary of all."""

from pipelines.report.all import all_report
from pipelines.result import ErrorRecord
from pipelines.result.all import AllStats, InnerRunResult, PhotoCoverage
from pipelines.result.discipline import CasesResult, DisciplineStats
from pipelines.result.freescout import CustomersResult
from pipelines.result.functions import FunctionsDownloadResult, FunctionsStats
from pipelines.result.people import DownloadResult, PeopleStats, PreparedList, PrepareResult, SubmitResult, SubmittedList
from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.teams import TeamsStats

TIMES = {"completed_at": "2026-02-08 09:00:00", "duration": "45s"}

BUSY = """
========================================
SPORTLINK SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

TOTALS
----------------------------------------
Members downloaded: 7
Members prepared: 5
Members synced: 3
  Added: 1
  Updated: 2

PER-LIST BREAKDOWN
----------------------------------------
List 1: 3/5 synced (1 added, 2 updated)
List 2: not configured

RONDO CLUB SYNC
----------------------------------------
Persons synced: 0/0
  Created: 0
  Updated: 0

TEAM SYNC
----------------------------------------
Teams synced: 1/3
  Created: 1

WORK HISTORY SYNC
----------------------------------------
Members synced: 3/4
  Added: 2

FUNCTIONS & COMMISSIES SYNC
----------------------------------------
Members processed: 6 (3 functions, 2 committee memberships)
Commissies synced: 0/2
  Deleted: 1
Members synced: 0/0

PHOTO SYNC
----------------------------------------
No photo changes
Coverage: 5/7 members have a photo (71%)

FREESCOUT SYNC
----------------------------------------
Customers synced: 1/5
  Created: 1

DISCIPLINE SYNC
----------------------------------------
Cases synced: 1/9
  Created: 1
  Linked to persons: 1

ERRORS (1)
----------------------------------------
- system [freescout]: no key

========================================"""


def test_a_busy_run_is_told_section_by_section():
    stats = AllStats(
        **TIMES,
        people=PeopleStats(
            download=DownloadResult(downloaded=7),
            prepare=PrepareResult(lists=[PreparedList(index=1, total=5, updates=3)]),
            laposta=SubmitResult(
                lists=[
                    SubmittedList(index=1, list_id="a", total=5, created=1, updated=2),
                    SubmittedList(index=2, list_id=None),
                ]
            ),
        ),
        teams=TeamsStats(teams=PostsResult(total=3, created=1), work_history=WorkHistoryResult(total=4, synced=3, created=2)),
        functions=FunctionsStats(
            download=FunctionsDownloadResult(total=6, functions_count=3, committees_count=2),
            commissies=PostsResult(total=2, deleted=1),
        ),
        coverage=PhotoCoverage(members_with_photos=5, total_members=7),
        customers=CustomersResult(total=5, created=1),
        discipline=InnerRunResult(stats=DisciplineStats(sync=CasesResult(total=9, created=1))),
        step_failures=[ErrorRecord(message="no key", system="freescout")],
    )

    report = all_report(stats)

    assert report.summary == BUSY
    assert not report.success


def test_freescout_may_not_be_configured_and_a_club_of_nobody_has_no_photos():
    report = all_report(AllStats(**TIMES, has_freescout=False))

    assert "FREESCOUT SYNC\n----------------------------------------\nskipped (not configured)\n" in report.summary
    assert "Coverage: 0/0 members have a photo (0%)" in report.summary
    assert report.success
