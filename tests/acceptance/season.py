"""Days at a made-up club, with all pipelines on their schedules, and what must be true of each run and of each day."""

import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from otel_sqlite import Outcome
from otel_sqlite.testing import RecordedRun, recorded
from pipelines.sandbox import Fault, FaultKind, Faults, Sandbox, running
from pipelines.sandbox.season import EVENTS
from pipelines.settings import Settings
from pipelines.sync_all import sync_all
from pipelines.sync_discipline import sync_discipline
from pipelines.sync_freescout import sync_freescout
from pipelines.sync_functions import sync_functions
from pipelines.sync_nikki import sync_nikki
from pipelines.sync_people import sync_people
from pipelines.sync_teams import sync_teams
from pipelines.systems import Systems
from tests.acceptance.ledger import Work, find_differences
from tests.acceptance.watching import watching

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIRST_DAY = date(2026, 2, 8)
EVENING = time(20, 0)
MONDAY, SUNDAY = 0, 6

JsonObject = dict[str, Any]
Pipeline = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A line of the schedule: a pipeline at a time, on every day of the week or on one."""

    at: time
    pipeline: Pipeline
    weekday: int | None = None


SCHEDULE = [
    *(Slot(at=time(hour), pipeline=sync_people) for hour in (8, 11, 14, 17)),
    *(Slot(at=time(hour, 30), pipeline=sync_functions) for hour in (7, 10, 13, 16)),
    Slot(at=time(7), pipeline=sync_nikki),
    Slot(at=time(8, 15), pipeline=sync_freescout),
    Slot(at=time(6), pipeline=sync_teams, weekday=SUNDAY),
    Slot(at=time(1), pipeline=partial(sync_functions, everyone=True, with_invoice=True), weekday=SUNDAY),
    Slot(at=time(23, 30), pipeline=sync_discipline, weekday=MONDAY),
]


class Clock:
    """Time that jumps from slot to slot, and passes in between."""

    def __init__(self) -> None:
        self.set(datetime.combine(FIRST_DAY, time(), AMSTERDAM))

    def set(self, now: datetime) -> None:
        """Jump."""
        self._now, self._since = now, monotonic()

    def __call__(self) -> datetime:
        """The time, in UTC."""
        return self._now.astimezone(UTC) + timedelta(seconds=monotonic() - self._since)

    def seconds(self) -> float:
        """The time since 1970."""
        return self().timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that was due, or one inside it: what was tracked of it, and what its steps did."""

    at: datetime
    run: RecordedRun
    work: Mapping[str, Work]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.run.pipeline}"


def live(sandbox: Sandbox, clock: Clock, days: int, *, pace: int) -> Iterator[Ran]:
    """Run what is due for some days, after a first run of all; each evening the club lives on, by `pace` days."""
    settings = Settings.from_env(sandbox.environment)
    yield from run_pipeline(sandbox, settings, clock, sync_all)
    for day in (FIRST_DAY + timedelta(days=number) for number in range(days)):
        slots = [slot for slot in SCHEDULE if slot.weekday in (None, day.weekday())]
        due = sorted([*((slot.at, slot.pipeline) for slot in slots), (EVENING, None)], key=lambda one: one[0])
        for at, pipeline in due:
            clock.set(datetime.combine(day, at, AMSTERDAM))
            if pipeline is None:
                sandbox.advance(pace)
            else:
                yield from run_pipeline(sandbox, settings, clock, pipeline)


def run_pipeline(sandbox: Sandbox, settings: Settings, clock: Clock, pipeline: Pipeline) -> list[Ran]:
    """Run a pipeline as a process of its own would; gives the runs inside it first."""
    at = clock().astimezone(AMSTERDAM)
    with recorded() as runs, watching(sandbox) as work, Systems.open(settings, clock=clock) as systems:
        pipeline(systems, clock=clock)
    return [Ran(at=at, run=run, work=work[run.pipeline]) for run in runs]


FAULTS = Faults(
    rules=(
        *Faults.demo().rules,
        # What is done may not be done again, and nobody has heard of it.
        Fault(kind=FaultKind.LOST, system="rondo-club", method="POST", path="*/wp/v2/*", share=0.1),
        Fault(kind=FaultKind.LOST, system="rondo-club", method="POST", path="*/rondo/v1/*", share=0.1),
        Fault(kind=FaultKind.LOST, system="rondo-club", method="PUT", share=0.1),
        Fault(kind=FaultKind.LOST, system="rondo-club", method="DELETE", share=0.1),
        Fault(kind=FaultKind.LOST, system="freescout", share=0.1),
        Fault(kind=FaultKind.LOST, system="laposta", share=0.1),
        Fault(kind=FaultKind.LOST, system="sportlink", method="POST", path="/member/member-details/*", share=0.3),
        # In a club this small the usual shares strike nobody.
        Fault(kind=FaultKind.REFUSED, system="laposta", method="POST", path="/v2/member", share=0.02, times=None),
        Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", path="*/wp/v2/people", share=0.02, times=None),
        Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", path="*/photo", share=0.02, times=None),
        Fault(kind=FaultKind.REFUSED, system="freescout", method="POST", path="*/customers", share=0.02, times=None),
    )
)
"""What goes wrong: as in any demo, and answers that get lost."""


RARE = {"offend": 1.5, "judge": 1.0, "withdraw": 0.7, "give up address": 0.5, "take a task": 1.5, "lay down tasks": 1.5}
"""How often these things happen: in a club this small they would not."""


@contextmanager
def rare_things_happening() -> Iterator[None]:
    """Let the club have what would take it years."""
    usual = dict(EVENTS)
    EVENTS.update({name: (per_thousand, EVENTS[name][1]) for name, per_thousand in RARE.items()})
    try:
        yield
    finally:
        EVENTS.update(usual)


# ------------------------------------------------------------------------------------------------ what must be true


def find_crash(ran: Ran) -> list[str]:
    """A run or a step that failed as a whole."""
    failed = [step.name for step in ran.run.steps if step.outcome is Outcome.FAILURE]
    crashed = [str(error.message) for error in ran.run.errors]
    return [f"{ran}: {what}" for what in (*failed, *crashed)]


def find_false_counts(ran: Ran) -> list[str]:
    """Counts and stats that are not what the systems received and took."""
    found = find_differences(ran.run.pipeline, ran.run.steps, ran.work, json.loads(ran.run.summary or "{}"))
    return [f"{ran}: {what}" for what in found]


def find_duplicates(sandbox: Sandbox) -> list[str]:
    """Who and what is in a system more than once."""
    keys = [*_person_keys(sandbox), *_row_keys(sandbox), *_post_keys(sandbox), *_customer_keys(sandbox)]
    return [f"{key} is there {number} times" for key, number in Counter(keys).items() if number > 1]


def _person_keys(sandbox: Sandbox) -> Iterator[str]:
    for person in sandbox.rondo_club.persons():
        emails = [row["contact_value"].lower() for row in person["acf"]["contact_info"] if row["contact_type"] == "email"]
        yield f"person {person['acf']['knvb-id'] or ' '.join(emails) or person['id']}"


def _row_keys(sandbox: Sandbox) -> Iterator[str]:
    for person in sandbox.rondo_club.persons():
        who, acf = person["id"], person["acf"]
        yield from (f"{who} in {row['team']} as {row['job_title']}" for row in acf["work_history"] if row["is_current"])
        yield from (f"{who} and {row['related_person']} as {row['relationship_type']}" for row in acf["relationships"])


def _post_keys(sandbox: Sandbox) -> Iterator[str]:
    posts = sandbox.rondo_club.posts
    yield from (f"team {post['acf']['publicteamid']}" for post in posts.all("teams"))
    yield from (f"commissie {post['title']['rendered']}" for post in posts.all("commissies"))
    yield from (f"case {post['acf']['dossier_id']}" for post in posts.all("discipline-cases"))


def _customer_keys(sandbox: Sandbox) -> Iterator[str]:
    for customer in sandbox.freescout.customers():
        values = {field["id"]: field["value"] for field in customer["customerFields"]}
        yield f"customer {values.get(4) or customer['id']}"


# ------------------------------------------------------------------------------------------------ a year, by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What some days at the club came to; `found` is what was not as it must be."""

    runs: Counter[str]
    found: list[str]


Teller = Callable[[Ran, Sequence[str]], object]


def live_through(
    directory: Path, *, days: int, members: int, pace: int = 1, tell: Teller = lambda ran, found: (ran, found)
) -> Lived:
    """Live through some days, and look at each run and at what is there after it.

    Args:
        directory: Where the sandbox is.
        days: How long the pipelines run.
        members: Size of the club.
        pace: How many days the club lives in one of theirs: more makes a small club a busy one.
        tell: Told of each run and what was found after it.
    """
    clock = Clock()
    runs, found = Counter[str](), list[str]()
    world = running(directory, members=members, faults=FAULTS, clock=clock.seconds)
    with rare_things_happening(), world as sandbox:
        for ran in live(sandbox, clock, days, pace=pace):
            twice = [what for what in find_duplicates(sandbox) if what not in found]
            new = [*find_crash(ran), *find_false_counts(ran), *twice]
            runs[ran.run.pipeline] += 1
            found += new
            tell(ran, new)
    return Lived(runs=runs, found=found)


class Progress:
    """Says what was found at once, and every week how far it is."""

    def __init__(self, days: int) -> None:
        self._days, self._since = days, monotonic()
        self._runs = self._found = self._weeks = 0

    def __call__(self, ran: Ran, found: Sequence[str]) -> None:
        """Count a run."""
        self._runs += 1
        self._found += len(found)
        for what in found:
            print(what, flush=True)  # noqa: T201  what this is for
        lived = (ran.at.date() - FIRST_DAY).days
        if lived // 7 > self._weeks:
            self._weeks = lived // 7
            minutes = (monotonic() - self._since) / 60
            left = minutes * (self._days - lived) / lived
            print(f"day {lived} of {self._days}: {self} in {minutes:.1f} minutes, about {left:.0f} to go", flush=True)  # noqa: T201

    def __str__(self) -> str:
        return f"{self._runs} runs, {self._found} findings"


def main(days: int = 365, members: int = 60) -> None:
    """Live through a year and say what is found; exits with 1 when it was something."""
    logging.disable(logging.CRITICAL)  # single failures are what faults are for
    progress = Progress(days)
    with tempfile.TemporaryDirectory() as directory:
        lived = live_through(Path(directory), days=days, members=members, tell=progress)
    print(f"{days} days, {progress}")  # noqa: T201  as above
    sys.exit(bool(lived.found))
