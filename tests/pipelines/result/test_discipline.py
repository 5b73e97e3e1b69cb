"""The stats of a run of discipline."""

import pytest

from pipelines.result import ErrorRecord
from pipelines.result.discipline import CaseDownloadResult, CasesResult, DisciplineStats

NO_CASE = ErrorRecord(dossier_id="T-1", message="no", system="discipline-sync")


def stats(**more):
    return DisciplineStats(
        download=CaseDownloadResult(case_count=9),
        sync=CasesResult(total=8, created=1, updated=2, skipped=3, skipped_no_person=1, dismissed=4, failures=[NO_CASE]),
        **more,
    )


def test_the_stats_have_the_structure_that_the_dashboard_knows():
    assert stats(completed_at="2026-02-08 09:00:00", duration="45s").as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "download": {"caseCount": 9, "errors": []},
        "sync": {
            "total": 8,
            "synced": 3,
            "created": 1,
            "updated": 2,
            "skipped": 3,
            "linked": 6,
            "skipped_no_person": 1,
            "dismissed": 4,
            "errors": [NO_CASE.as_json()],
        },
    }


@pytest.mark.parametrize(
    ("system", "part"), [("discipline", "download"), ("discipline-download", "download"), ("discipline-sync", "sync")]
)
def test_a_step_that_failed_stands_in_its_part_of_the_stats_before_any_item(system, part):
    broken = ErrorRecord(message="broken", system=system)

    failed = stats(step_failures=[broken])

    assert failed.as_json()[part]["errors"][0] == broken.as_json()
    assert len(failed.failures) == 2


def test_the_step_of_the_download_counts_what_was_received():
    assert stats().download.created == 9


def test_what_fails_later_stands_behind_what_failed_before():
    done = stats()
    for system in ("discipline-sync", "discipline"):
        done.step_failures.append(ErrorRecord(message="no", system=system))

    assert done.failures == [NO_CASE, *done.step_failures]
