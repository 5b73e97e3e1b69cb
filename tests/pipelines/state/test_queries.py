"""How the state is asked while pipelines run: what is asked for each item does not look through a table."""

import sqlite3
from collections import defaultdict
from functools import partial

import pytest

from pipelines.sandbox import running
from pipelines.settings import Settings
from pipelines.sync_all import sync_all
from pipelines.sync_functions import sync_functions
from pipelines.sync_nikki import sync_nikki
from pipelines.sync_people import sync_people
from pipelines.systems import Systems

SEVERAL = 15
"""More often than a run with its fourteen steps asks anything but for its items: of sixty members, a third leaves."""


class Watch:
    """Notes the statements of a connection that a run executes again and again, whatever their values."""

    def __init__(self, connection):
        self._connection = connection
        self._executed = defaultdict(list)
        self.repeated = {}
        connection.set_trace_callback(self._note)

    def _note(self, expanded):
        if not expanded.startswith("-- "):
            self._executed[_without_values(expanded)].append(expanded)

    def end_run(self):
        self.repeated |= {statement: executed[-1] for statement, executed in self._executed.items() if len(executed) >= SEVERAL}
        self._executed.clear()

    def scans(self):
        """What is executed for items and looks through a table: the statement, and what SQLite says that it does."""
        self._connection.set_trace_callback(None)
        tables = [name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        looking = tuple(f"SCAN {name}" for name in tables)
        plans = {statement: self._plan(example) for statement, example in self.repeated.items()}
        return {statement: plan for statement, plan in plans.items() if any(one.startswith(looking) for one in plan)}

    def _plan(self, statement):
        try:
            return [row["detail"] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        except sqlite3.OperationalError:  # BEGIN, COMMIT
            return []


def _without_values(statement):
    """A statement whose values are written out -> what it is without them."""
    in_text = False
    kept = []
    for part in statement.split("'"):
        kept.append("" if in_text else "".join("0" if sign.isdigit() else sign for sign in part))
        in_text = not in_text
    return " ".join("".join(kept).replace("NULL", "0").split())


@pytest.fixture
def watched(tmp_path):
    """A small club whose state is watched from its first run on."""
    with running(tmp_path / "sandbox", members=60) as sandbox:
        settings = Settings.from_env({**sandbox.environment, "SYNC_RETRY_WAIT_S": "0"})
        with Systems.open(settings) as systems:
            state = systems.state
            owners = (state.laposta, state.rondo, state.discipline, state.nikki, state.freescout)
            yield sandbox, systems, [Watch(owner._connection) for owner in owners]


def _run_everything(systems, watches):
    for pipeline in (sync_nikki, sync_people, partial(sync_functions, everyone=True), sync_all):
        pipeline(systems, force=True)
        for watch in watches:
            watch.end_run()


def test_what_is_asked_for_each_item_does_not_look_through_a_table(watched):
    sandbox, systems, watches = watched

    players = [member["PublicPersonId"] for member in sandbox.club.members if member.get("PublicPersonId")]
    cases = [{"DossierId": f"T-{at}", "PublicPersonId": one, "MatchDate": "2026-01-17"} for at, one in enumerate(players)]
    sandbox.club.cases[:] = cases

    _run_everything(systems, watches)
    del sandbox.club.members[:20]
    for member in sandbox.club.members:
        member.update(City="Elders", PersonImageDate=None)
    for member in sandbox.club.members[::2]:
        member["Email"] = ""
    del sandbox.club.cases[:20]
    for person_id in list(systems.state.rondo.person_ids().values())[-20:]:
        systems.rondo_club.delete_person(person_id)
    _run_everything(systems, watches)

    assert [watch.scans() for watch in watches] == [{}] * len(watches)
    assert [bool(watch.repeated) for watch in watches] == [True] * len(watches)
