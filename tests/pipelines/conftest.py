"""A club of a few members whose systems are the sandbox's: real servers, real clients, real state."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.sandbox import Faults, Sandbox, running
from pipelines.settings import Settings
from pipelines.systems import Systems

JsonObject = dict[str, Any]

_READ = {"sportlink", "nikki"}
"""Systems that are asked for data; a login is no change of anything."""


@pytest.fixture
def club_sandbox(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox whose club has no members yet; parametrize it indirectly with the rules of its faults."""
    faults = Faults(rules=getattr(request, "param", ()))
    with running(tmp_path / "sandbox", members=1, faults=faults) as sandbox:
        sandbox.club.clear()
        yield sandbox


@pytest.fixture
def systems(club_sandbox: Sandbox, tmp_path: Path) -> Iterator[Systems]:
    own = {"SYNC_STATE_DIR": str(tmp_path / "state"), "SYNC_PHOTO_DIR": str(tmp_path / "photos"), "SYNC_RETRY_WAIT_S": "0"}
    with Systems.open(Settings.from_env({**club_sandbox.environment, **own})) as opened:
        yield opened


@pytest.fixture
def club(club_sandbox: Sandbox) -> Callable[..., list[JsonObject]]:
    """Makes these records the members of the club, with a first name where they have none."""

    def set_members(*records: JsonObject) -> list[JsonObject]:
        club_sandbox.club.members[:] = [{"FirstName": record.get("PublicPersonId"), **record} for record in records]
        return club_sandbox.club.members

    return set_members


@pytest.fixture
def writes(club_sandbox: Sandbox) -> Callable[[], list[str]]:
    """Gives the requests that were to change something where the pipelines write, since it was last asked."""
    seen = 0

    def take() -> list[str]:
        nonlocal seen
        received = club_sandbox.requests
        new, seen = received[seen:], len(received)
        return [f"{one.method} {one.path}" for one in new if one.system not in _READ and one.method != "GET"]

    return take
