"""What the steps that work on persons need: members that have one, and what Rondo Club was sent."""

import pytest

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
def sent(club_sandbox):
    """Gives what Rondo Club was told to change since the last time: method, path and body."""
    seen = 0

    def take():
        nonlocal seen
        received = [one for one in club_sandbox.requests if one.system == "rondo-club" and one.method != "GET"]
        new, seen = received[seen:], len(received)
        return [(one.method, one.path.removeprefix("/wp-json/"), one.body) for one in new]

    return take
