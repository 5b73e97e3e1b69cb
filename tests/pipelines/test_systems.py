import logging

import pytest

from pipelines.sandbox import running
from pipelines.settings import Settings
from pipelines.systems import Systems


@pytest.fixture
def sandbox(tmp_path):
    with running(tmp_path / "sandbox", members=5) as sandbox_:
        yield sandbox_


def test_the_systems_are_those_of_the_settings(sandbox):
    settings = Settings.from_env(sandbox.environment)

    with Systems.open(settings) as systems:
        members = systems.sportlink.download_members()
        person = systems.rondo_club.find_person_by_email("nobody@voorbeeld.example")
        systems.laposta.upsert_member(settings.laposta.list_ids[0], "fenna@voorbeeld.example", {})

    assert (systems.settings, len(members), person) == (settings, 5, None)
    assert {request.system for request in sandbox.requests} == {"sportlink", "rondo-club", "laposta"}


def test_nobody_is_called_before_something_is_asked(sandbox):
    with Systems.open(Settings.from_env(sandbox.environment)):
        pass

    assert sandbox.requests == []


def test_the_connections_are_closed_with_the_systems(sandbox):
    with Systems.open(Settings.from_env(sandbox.environment)) as systems:
        pass

    with pytest.raises(RuntimeError, match="closed"):
        systems.sportlink.download_members()


def test_tracked_items_are_the_items_and_every_one_is_told(sandbox, caplog):
    told = []
    settings = Settings.from_env(sandbox.environment)

    with Systems.open(settings, progress=lambda *facts: told.append(facts)) as systems, caplog.at_level(logging.INFO):
        items = list(systems.track(["a", "b", "c"], "submitting subscribers"))

    assert items == ["a", "b", "c"]
    assert told == [("submitting subscribers", done, 3) for done in (1, 2, 3)]
    assert [record.getMessage() for record in caplog.records if record.name == "pipelines.systems"] == [
        "submitting subscribers: 3"
    ]


def test_an_item_is_done_when_the_next_one_is_asked_for(sandbox):
    told = []

    with Systems.open(Settings.from_env(sandbox.environment), progress=lambda *facts: told.append(facts)) as systems:
        items = systems.track(["a", "b"], "submitting subscribers")
        next(items)
        items.close()

    assert told == []


def test_nothing_to_track_is_not_worth_a_line(sandbox, caplog):
    with Systems.open(Settings.from_env(sandbox.environment)) as systems, caplog.at_level(logging.INFO):
        items = list(systems.track([], "submitting subscribers"))

    assert items == []
    assert [record for record in caplog.records if record.name == "pipelines.systems"] == []
