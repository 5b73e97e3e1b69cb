from datetime import UTC, datetime

import pytest

TIMES = [datetime(2026, 2, 8, 8, 59, 15, tzinfo=UTC), datetime(2026, 2, 8, 9, 1, 45, tzinfo=UTC)]


@pytest.fixture
def clock():
    """Tells when a run started, and when it completed."""
    times = iter(TIMES)
    return lambda: next(times)
