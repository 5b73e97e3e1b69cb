"""What the steps that work on persons need: members that have one, and what Rondo Club was sent."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.state import State
from tests.pipelines.steps.filled import download_members, sync_persons


@pytest.fixture
def members(systems, club):
    """Makes these the members, with persons in Rondo Club; returns the ids of these by KNVB id."""

    def set_members(*records):
        club(*records)
        download_members(systems)
        sync_persons(systems)
        return systems.state.rondo.person_ids()

    return set_members


@pytest.fixture
def days_later(systems, tmp_path):
    """Gives the systems as they are when so many days have passed for the state."""

    @contextmanager
    def open_later(days):
        moment = datetime.now(UTC) + timedelta(days=days)
        with State.open(tmp_path / "state", now=lambda: f"{moment:%Y-%m-%dT%H:%M:%SZ}") as state:
            yield replace(systems, state=state)

    return open_later


@pytest.fixture
def sent(club_sandbox):
    """Gives what Rondo Club was told to change since the last time: method, path and body."""
    seen = 0

    def take():
        nonlocal seen
        received = [one for one in club_sandbox.requests if one.system == "rondo-club" and one.method != "GET"]
        new, seen = received[seen:], len(received)
        return [(one.method, one.path.removeprefix("/wp-json/"), one.body) for one in new]

    return take
