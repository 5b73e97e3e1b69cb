"""What the step of freescout reports, and the stats of a run."""

from pipelines.result import ErrorRecord
from pipelines.result.freescout import CustomersResult, FreeScoutStats

REFUSED = ErrorRecord(knvb_id="A1", message="refused", system="freescout")
CUSTOMERS = CustomersResult(total=9, created=1, updated=2, skipped=5, deleted=3, failures=[REFUSED])


def test_the_step_counts_what_its_columns_mean():
    assert (CUSTOMERS.created, CUSTOMERS.updated, CUSTOMERS.skipped, CUSTOMERS.failed) == (1, 2, 5, 1)
    assert [(error.item_id, error.message) for error in CUSTOMERS.errors] == [("A1", "refused")]


def test_the_stats_are_flat():
    stats = FreeScoutStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        customers=CUSTOMERS,
        step_failures=[ErrorRecord(message="no key", system="freescout")],
    )

    assert stats.as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "total": 9,
        "synced": 3,
        "created": 1,
        "updated": 2,
        "skipped": 5,
        "deleted": 3,
        "errors": [
            {"message": "no key", "system": "freescout"},
            {"knvb_id": "A1", "message": "refused", "system": "freescout"},
        ],
    }
