"""The real command sync-all against the sandbox club, with a collector: what it receives, and what it does not."""

import collections
import hmac
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.collectors import collecting

BIN = Path(sys.executable).parent
KEY = "a key of sixteen letters or more"
REQUESTS = {"GET", "POST", "PUT", "DELETE", "PATCH"}
OF_A_MEMBER = (
    "PublicPersonId",
    "FullName",
    "FirstName",
    "LastName",
    "DateOfBirth",
    "Email",
    "EmailAlternative",
    "Mobile",
    "Telephone",
    "StreetName",
    "ZipCode",
    "NameParent1",
    "NameParent2",
    "EmailAddressParent1",
    "TelephoneParent1",
)


def run_commands(folder, **settings):
    """Sync the club in the folder with a collector, which is returned; the second pipeline has pages to log in to."""
    with collecting() as collector:
        for name in ("sync-all", "sync-nikki"):
            environment = {
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_SQLITE_EXIT_TIMEOUT": "60",
                **settings,
            }
            command = [BIN / name, "--sandbox", "--members", "40"]
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    return collector


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("club")


@pytest.fixture(scope="module")
def received(folder):
    return run_commands(folder, OTEL_SQLITE_HASH_KEY=KEY)


@pytest.fixture
def rows(folder):
    def found(query):
        with closing(sqlite3.connect(folder / "data" / "dashboard.sqlite")) as connection:
            return connection.execute(query).fetchall()

    return found


def leaks(folder, collector):
    """What of the club's members the collector was told."""
    club = json.loads((folder / "data" / "sandbox" / "club.json").read_text())
    told = [str(member.get(key) or "") for member in club["members"] for key in OF_A_MEMBER]
    photos = [path.stem for path in (folder / "data" / "sandbox" / "photos").iterdir()]
    sent = b"".join(collector.bodies).lower()
    return {text for text in (*told, *photos) if len(text) > 4 and text.lower().encode() in sent}


def test_nothing_of_a_member_leaves(folder, received):
    assert received.bodies
    assert leaks(folder, received) == set()


def test_switched_off_it_leaves_as_it_is(tmp_path):
    assert len(leaks(tmp_path, run_commands(tmp_path, OTEL_SQLITE_PRIVACY="off"))) > 10


def test_the_errors_of_one_member_can_be_told_from_those_of_another(received, rows):
    known = [name for (name,) in rows("SELECT DISTINCT member_identifier FROM run_errors WHERE member_identifier IS NOT NULL")]
    hashes = {hmac.new(KEY.encode(), name.encode(), "sha256").hexdigest() for name in known}
    events = (event for span in received.spans for event in span.events)
    assert hashes
    assert {a.value.string_value for event in events for a in event.attributes if a.key == "otel_sqlite.item.id"} == hashes


def test_every_request_is_below_the_step_that_made_it(received, rows):
    steps = {name for (name,) in rows("SELECT DISTINCT step_name FROM run_steps")}
    by_id = {span.span_id: span for span in received.spans}
    parents = collections.Counter(by_id[span.parent_span_id].name for span in received.spans if span.name in REQUESTS)
    assert parents.keys() <= steps
    assert parents["rondo-club-sync"] > 40


def test_the_dashboard_shows_runs_and_steps_and_no_request(received, rows):
    assert rows("SELECT pipeline FROM runs ORDER BY id") == [("all",), ("discipline",), ("nikki",)]
    steps = [name for name in received.names if name not in REQUESTS and not name.startswith("RUN ")]
    assert sorted(name for (name,) in rows("SELECT step_name FROM run_steps")) == steps
