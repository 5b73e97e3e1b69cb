"""The printed summary of freescout."""

from pipelines.report.freescout import freescout_report
from pipelines.result import ErrorRecord
from pipelines.result.freescout import CustomersResult, FreeScoutStats

TIMES = {"completed_at": "2026-02-08 09:00:00", "duration": "45s"}

BUSY = """
========================================
FREESCOUT SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

CUSTOMER SYNC
----------------------------------------
Customers synced: 3/9
  Created: 1
  Updated: 2
  Skipped: 5
  Deleted: 3
  Errors: 1

ERRORS (1)
----------------------------------------
- A1 [freescout]: refused

========================================"""


def test_a_busy_run_is_told_with_everything_that_failed():
    refused = ErrorRecord(knvb_id="A1", message="refused", system="freescout")
    customers = CustomersResult(total=9, created=1, updated=2, skipped=5, deleted=3, failures=[refused])

    report = freescout_report(FreeScoutStats(**TIMES, customers=customers))

    assert (report.summary, report.success) == (BUSY, False)


def test_a_quiet_run_is_told_in_one_line():
    report = freescout_report(FreeScoutStats(**TIMES, customers=CustomersResult(total=9)))

    assert "----\nCustomers synced: 0/9\n\n====" in report.summary
    assert report.success
