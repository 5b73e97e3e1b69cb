from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from pipelines.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """The state files in a new folder; every change has a time of its own."""
    ticks = count(1)
    with State.open(tmp_path / "state", now=lambda: f"2026-02-08T09:00:{next(ticks):02}Z") as opened:
        yield opened
