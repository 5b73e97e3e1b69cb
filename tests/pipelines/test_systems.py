import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipelines.sandbox import running
from pipelines.settings import Settings
from pipelines.systems import Systems

ROOT = Path(__file__).parents[2]


def add_rows(systems, person_id, title):
    row = {"job_title": title, "is_current": True, "start_date": "", "end_date": "", "team": 1}
    for _ in range(12):
        with systems.editing(person_id) as person:
            names = {name: person["acf"][name] for name in ("first_name", "last_name")}
            rows = [*(person["acf"].get("work_history") or []), row]
            systems.rondo_club.update_person(person_id, {"acf": {**names, "work_history": rows}})


def edit_both(anne, bo):
    with Systems.open(Settings.from_env()) as systems:
        add_rows(systems, bo, "theirs")
        os.write(sys.stdout.fileno(), b"bo is edited\n")
        add_rows(systems, anne, "theirs")


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


def test_a_person_is_edited_by_one_process_at_a_time_while_other_persons_go_on(sandbox):
    with Systems.open(Settings.from_env(sandbox.environment)) as systems:
        names = {"first_name": "Anne", "last_name": "Aker"}
        anne, bo = (systems.rondo_club.create_person({"status": "publish", "acf": names}) for _ in range(2))
        code = f"from tests.pipelines.test_systems import edit_both; {edit_both.__name__}({anne}, {bo})"
        child = [sys.executable, "-c", code]
        with subprocess.Popen(child, env={**os.environ, **sandbox.environment}, cwd=ROOT, stdout=subprocess.PIPE) as process:
            with systems.editing(anne):
                assert process.stdout.readline() == b"bo is edited\n"
            add_rows(systems, anne, "ours")
        shown = {person["id"]: person["acf"]["work_history"] for person in systems.rondo_club.list_people()}

    assert process.returncode == 0
    titles = {person_id: Counter(row["job_title"] for row in rows) for person_id, rows in shown.items()}
    assert titles == {anne: {"ours": 12, "theirs": 12}, bo: {"theirs": 12}}


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
