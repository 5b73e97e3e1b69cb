"""Days at a made-up club, with all pipelines on their schedules, and what must be true of each run and of each day."""

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from functools import partial, reduce
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from otel_sqlite import Outcome
from otel_sqlite.testing import RecordedRun, recorded
from pipelines.sandbox import Faults, Received, Sandbox, running
from pipelines.settings import Settings
from pipelines.sync_all import sync_all
from pipelines.sync_discipline import sync_discipline
from pipelines.sync_freescout import sync_freescout
from pipelines.sync_functions import sync_functions
from pipelines.sync_nikki import sync_nikki
from pipelines.sync_people import sync_people
from pipelines.sync_teams import sync_teams
from pipelines.systems import Systems

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
    """A run that was due: what was tracked of it, its stats, and what the systems received meanwhile."""

    at: datetime
    run: RecordedRun
    stats: JsonObject
    requests: Sequence[Received]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.run.pipeline}"


def live(sandbox: Sandbox, clock: Clock, days: int, *, pace: int) -> Iterator[Ran]:
    """Run what is due for some days, after a first run of all; each evening the club lives on, by `pace` days."""
    settings = Settings.from_env(sandbox.environment)
    yield run_pipeline(sandbox, settings, clock, sync_all)
    for day in (FIRST_DAY + timedelta(days=number) for number in range(days)):
        slots = [slot for slot in SCHEDULE if slot.weekday in (None, day.weekday())]
        due = sorted([*((slot.at, slot.pipeline) for slot in slots), (EVENING, None)], key=lambda one: one[0])
        for at, pipeline in due:
            clock.set(datetime.combine(day, at, AMSTERDAM))
            if pipeline is None:
                sandbox.advance(pace)
            else:
                yield run_pipeline(sandbox, settings, clock, pipeline)


def run_pipeline(sandbox: Sandbox, settings: Settings, clock: Clock, pipeline: Pipeline) -> Ran:
    """Run a pipeline as a process of its own would."""
    at, before = clock().astimezone(AMSTERDAM), sandbox.requests[-1:]
    with recorded() as runs, Systems.open(settings, clock=clock) as systems:
        stats = pipeline(systems, clock=clock).stats.as_json()
    run = runs[-1]  # of a run in a run, the outer one
    new = list(takewhile(lambda one: not any(one is old for old in before), reversed(sandbox.requests)))
    return Ran(at=at, run=run, stats=stats, requests=new[::-1])


# ------------------------------------------------------------------------------------------------ what must be true


TOTALS: dict[str, dict[tuple[str, ...], str]] = {
    "all": {
        ("added", "updated"): "laposta POST /v2/member",
        ("rondoClub.created",): "rondo-club POST /wp-json/wp/v2/people",
        ("photos.download.downloaded",): "sportlink GET /photos/*",
        ("photos.upload.synced",): "rondo-club POST */photo",
        ("teams.created",): "rondo-club POST /wp-json/wp/v2/teams",
        ("commissies.created",): "rondo-club POST /wp-json/wp/v2/commissies",
        ("freescout.synced",): "freescout PUT */customer_fields",
        ("discipline.created",): "rondo-club POST /wp-json/wp/v2/discipline-cases",
    },
    "people": {
        ("added", "updated"): "laposta POST /v2/member",
        ("rondoClub.created",): "rondo-club POST /wp-json/wp/v2/people",
        ("photos.downloaded",): "sportlink GET /photos/*",
        ("photos.uploaded",): "rondo-club POST */photo",
        ("photos.deleted",): "rondo-club DELETE */photo",
        ("reverseSync.synced",): "sportlink POST /member/member-details/*",
    },
    "nikki": {("rondoClub.updated",): "rondo-club PUT /wp-json/wp/v2/people/*"},
    "freescout": {
        ("created",): "freescout POST /api/customers",
        ("synced",): "freescout PUT */customer_fields",
        ("deleted",): "freescout DELETE *",
    },
    "teams": {
        ("teams.created",): "rondo-club POST /wp-json/wp/v2/teams",
        ("teams.updated",): "rondo-club PUT /wp-json/wp/v2/teams/*",
        ("teams.deleted",): "rondo-club DELETE /wp-json/wp/v2/teams/*",
        ("workHistory.synced",): "rondo-club PUT /wp-json/wp/v2/people/*",
    },
    "functions": {
        ("commissies.created",): "rondo-club POST /wp-json/wp/v2/commissies",
        ("commissies.updated",): "rondo-club PUT /wp-json/wp/v2/commissies/*",
        ("commissies.deleted",): "rondo-club DELETE /wp-json/wp/v2/commissies/*",
        ("workHistory.synced", "freeFields.updated"): "rondo-club PUT /wp-json/wp/v2/people/*",
    },
    "discipline": {
        ("sync.created",): "rondo-club POST /wp-json/wp/v2/discipline-cases",
        ("sync.updated",): "rondo-club PUT /wp-json/wp/v2/discipline-cases/*",
    },
}
"""By pipeline: the stats whose sum is the number of these requests, as system, method and path."""


def find_crash(ran: Ran) -> list[str]:
    """A run or a step that failed as a whole."""
    failed = [step.name for step in ran.run.steps if step.outcome is Outcome.FAILURE]
    crashed = [str(error.message) for error in ran.run.errors]
    return [f"{ran}: {what}" for what in (*failed, *crashed)]


def find_differences(ran: Ran) -> list[str]:
    """Totals that are not what the systems received and took."""
    taken = [f"{one.system} {one.method} {one.path}" for one in ran.requests if one.status and one.status < 400]
    found = []
    for names, pattern in TOTALS[ran.run.pipeline].items():
        told = sum(reduce(lambda part, key: part[key], name.split("."), ran.stats) for name in names)
        seen = sum(fnmatchcase(request, pattern) for request in taken)
        if told != seen:
            found.append(f"{ran}: {' + '.join(names)} is {told}, and there were {seen} of {pattern}")
    return found


def find_duplicates(sandbox: Sandbox) -> list[str]:
    """Who and what is in a system more than once."""
    keys = [*_person_keys(sandbox), *_post_keys(sandbox), *_customer_keys(sandbox)]
    return [f"{key} is there {number} times" for key, number in Counter(keys).items() if number > 1]


def _person_keys(sandbox: Sandbox) -> Iterator[str]:
    for person in sandbox.rondo_club.persons():
        emails = [row["contact_value"].lower() for row in person["acf"]["contact_info"] if row["contact_type"] == "email"]
        yield f"person {person['acf']['knvb-id'] or ' '.join(emails) or person['id']}"


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


def live_through(directory: Path, *, days: int, members: int, faults: Faults, pace: int = 1) -> Lived:
    """Live through some days, and look at each run and at what is there in the end.

    Args:
        directory: Where the sandbox is.
        days: How long the pipelines run.
        members: Size of the club.
        faults: What goes wrong.
        pace: How many days the club lives in one of theirs: more makes a small club a busy one.
    """
    clock = Clock()
    runs, found = Counter[str](), list[str]()
    with running(directory, members=members, faults=faults, clock=clock.seconds) as sandbox:
        for ran in live(sandbox, clock, days, pace=pace):
            runs[ran.run.pipeline] += 1
            found += [*find_crash(ran), *find_differences(ran)]
        found += find_duplicates(sandbox)
    return Lived(runs=runs, found=found)


def main(days: int = 365, members: int = 60) -> None:
    """Live through a year and say what was found; exits with 1 when it was something."""
    logging.disable(logging.CRITICAL)  # single failures are what faults are for
    with tempfile.TemporaryDirectory() as directory:
        lived = live_through(Path(directory), days=days, members=members, faults=Faults.demo())
    for what in lived.found:
        print(what)  # noqa: T201  what this is for
    print(f"{days} days, {lived.runs.total()} runs, {len(lived.found)} findings")  # noqa: T201  as above
    sys.exit(bool(lived.found))
