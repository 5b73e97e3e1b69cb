"""What the steps of nikki report, and the stats of a run."""

from pipelines.result import ErrorRecord
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult, NikkiStats

NO_PERSON = ErrorRecord(knvb_id="A1", message="refused", system="rondoClub")
DOWNLOAD = NikkiDownloadResult(count=12)
CONTRIBUTIONS = ContributionsResult(updated=3, skipped=4, without_person=2, failures=[NO_PERSON])
BROKEN_DOWNLOAD = ErrorRecord(message="no login", system="nikki-download")
HALF_A_YEAR = ErrorRecord(message="2 of the 3 contributions of 2026", system="nikki-download")
BROKEN_SYNC = ErrorRecord(message="broken", system="rondoClub")


def test_each_step_counts_what_its_columns_mean():
    results = [DOWNLOAD, CONTRIBUTIONS]

    assert [(one.created, one.updated, one.skipped, one.failed) for one in results] == [(12, 0, 0, 0), (0, 3, 4, 1)]
    assert [error.item_id for error in CONTRIBUTIONS.errors] == ["A1"]


def test_the_stats_have_the_number_of_persons_that_failed_and_the_tracking_their_names():
    stats = NikkiStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        download=DOWNLOAD,
        contributions=CONTRIBUTIONS,
        step_failures=[BROKEN_DOWNLOAD, BROKEN_SYNC],
    )

    assert stats.as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "download": {"count": 12, "errors": [{"message": "no login", "system": "nikki-download"}]},
        "rondoClub": {"updated": 3, "skipped": 4, "noRondoClubId": 2, "errors": 2},
    }
    assert stats.failures == [BROKEN_DOWNLOAD, BROKEN_SYNC, NO_PERSON]


def test_a_year_that_is_not_taken_over_is_a_failure_of_the_download():
    stats = NikkiStats(download=NikkiDownloadResult(failures=[HALF_A_YEAR]))

    assert stats.as_json()["download"] == {"count": 0, "errors": [HALF_A_YEAR.as_json()]}
    assert stats.failures == [HALF_A_YEAR]


def test_what_ends_the_run_is_a_failure():
    stats = NikkiStats(step_failures=[ErrorRecord(message="broken", system="nikki")])

    assert [failure.text for failure in stats.failures] == ["broken"]
