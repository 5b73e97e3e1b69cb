"""A month at a small club, with everything that happens there, and with systems that fail now and then."""

import pytest

from tests.acceptance.season import live_through

DAYS = 30


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """What a month came to in which the club lived through most of a year."""
    return live_through(tmp_path_factory.mktemp("club"), days=DAYS, members=40, pace=10)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_pipeline_runs_when_it_is_due(lived):
    assert lived.runs == {
        "all": 1,
        "people": 4 * DAYS,
        "functions": 4 * DAYS + 5,
        "nikki": DAYS,
        "freescout": DAYS,
        "teams": 5,
        "discipline": 5 + 1,
    }


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_crashes_no_total_is_wrong_and_nothing_is_there_twice(lived):
    assert lived.found == []
