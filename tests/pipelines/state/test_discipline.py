"""What is remembered of discipline cases."""

from dataclasses import replace

import pytest

from pipelines.state import Case

SOURCE = {"DossierId": "T-1", "TeamName": "1"}
CASE = Case(dossier_id="T-1", source=SOURCE, post_id=None, person_id=None, last_synced_hash=None)
SYNCED = replace(CASE, post_id=9, person_id=7, last_synced_hash="abc")


@pytest.fixture
def discipline(state):
    return state.discipline


def test_a_case_is_kept_with_its_post(discipline):
    discipline.store_cases({"T-1": SOURCE})
    assert discipline.cases() == [CASE]

    discipline.mark_synced(CASE, post_id=9, person_id=7, season="2025-2026", synced_hash="abc")
    discipline.store_cases({"T-1": {**SOURCE, "TeamName": "2"}})

    assert discipline.cases() == [replace(SYNCED, source={**SOURCE, "TeamName": "2"})]


def test_a_case_has_vanished_until_it_is_dismissed_or_comes_back(discipline):
    discipline.store_cases({"T-1": SOURCE})
    discipline.mark_synced(CASE, post_id=9, person_id=7, season="2025-2026", synced_hash="abc")

    discipline.store_cases({"T-2": SOURCE})
    assert discipline.vanished() == [SYNCED]

    discipline.mark_dismissed(SYNCED)
    assert discipline.vanished() == []

    discipline.store_cases({"T-1": SOURCE})
    assert discipline.cases() == [replace(CASE, person_id=7)]
