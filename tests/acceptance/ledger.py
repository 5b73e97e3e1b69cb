"""What the counts of each step mean in requests, so that a run can be held against what the systems received.

What means no requests: `skipped` is what needed none (but for photos, each of which failed as well), the rest of `total`,
which is what was looked at; `created` of the other download steps is what one answer holds; `created` of laposta-prepare is
what is to be on the lists.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce
from itertools import groupby
from typing import Any

from otel_sqlite.testing import RecordedStep
from pipelines.sandbox import Received

JsonObject = dict[str, Any]
Counts = dict[str, int]
Persons = Mapping[int, JsonObject]

PEOPLE = "rondo-club {} /wp-json/wp/v2/people"
LOOKED_UP = "freescout GET /api/customers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a step did.

    Attributes:
        received: What the systems received from it, in order.
        before: The custom fields of all persons by id when it began, for one of `PERSON_STEPS`.
        after: Those when it ended.
    """

    received: Sequence[Received]
    before: Persons
    after: Persons

    @property
    def requests(self) -> list[Received]:
        """The last attempt of each request: a repetition follows at once."""
        return [list(attempts)[-1] for _, attempts in groupby(self.received, key=_identity)]

    def taken(self, pattern: str, *, fields: str | None = None) -> list[Received]:
        """The requests like this (a glob over system, method and path) that were answered well; to delete nothing is well."""
        found = [one for one in self.requests if fnmatchcase(_line(one), pattern) and _is_taken(one)]
        return [one for one in found if fields is None or fields in one.body.get("acf", {})]

    def given_up(self, pattern: str = "*") -> list[Received]:
        """The requests that were not taken, but for those about what is gone, which are no failures."""
        return [one for one in self.requests if fnmatchcase(_line(one), pattern) and not (_is_taken(one) or one.status == 404)]


PERSON_STEPS = ("rondo-club-sync", "work-history-sync", "commissie-work-history-sync")
"""Steps whose counts are not told by their requests alone."""

Rule = Callable[[Work], Counts]


def _requests(failed: str = "*", **patterns: str) -> Rule:
    """Each count is the number of requests like this that were taken."""
    return lambda work: {
        **{name: len(work.taken(pattern)) for name, pattern in patterns.items()},
        "failed": len(work.given_up(failed)),
    }


def _subscribers(work: Work) -> Counts:
    """Laposta adds (201) or updates (200) whom it is told of; one whose addition was not heard of is updated."""
    told = Counter(one.status for one in work.taken("laposta POST /v2/member"))
    return {"created": told[201], "updated": told[200], "failed": len(work.given_up())}


def _persons(work: Work) -> Counts:
    """A member is one request; a family is as many as it has persons that differ."""
    changes = work.taken(PEOPLE.format("PUT") + "/*")
    members = [one for one in changes if "status" in one.body]
    former = [one for one in changes if one.body["acf"].get("former_member")]
    families = {_family(one) for one in changes if one not in members and one not in former}
    created = {person_id for person_id in work.after.keys() - work.before.keys() if not work.after[person_id].get("knvb-id")}
    return {
        "created": len(work.taken(PEOPLE.format("POST"))),
        "updated": len(members) + len(families - created),
        "deleted": len(former) + len(work.taken(PEOPLE.format("DELETE") + "/*")),
        "failed": len(work.given_up()),
    }


def _family(change: Received) -> int:
    """The parent that a person was written for: itself, or the last that it was related to."""
    rows = change.body["acf"].get("relationships") or [{"relationship_type": [3]}]
    return int(rows[-1]["related_person"] if rows[-1]["relationship_type"] == [2] else change.path.rpartition("/")[2])


def _photo_uploads(work: Work) -> Counts:
    """A photo whose person is gone waits, and is a failure."""
    refused = [one for one in work.requests if not _is_taken(one)]
    uploaded, deleted = (len(work.taken(f"rondo-club {method} */photo")) for method in ("POST", "DELETE"))
    return {"created": uploaded, "deleted": deleted, "failed": len(refused)}


def _pushed_members(work: Work) -> Counts:
    """A member's form is sent again where its answer was lost."""
    forms = [one for one in work.received if fnmatchcase(_line(one), "sportlink POST /member/member-details/*")]
    sent = {one.path for one in forms}
    stored = {one.path for one in forms if _is_taken(one)}
    return {"updated": len(stored), "failed": len(sent - stored)}


def _member_tabs(work: Work) -> Counts:
    """Every member that is looked at counts, also one that failed; one who has just left has no page any more."""
    pages = [one for one in work.requests if fnmatchcase(one.path, "/member/member-details/*/functions")]
    gone = [one for one in pages if one.status == 404]
    return {"created": len({one.path for one in pages}), "failed": len(gone) + len(work.given_up("sportlink *"))}


def _history_rows(work: Work) -> Counts:
    """Counted are rows, which stand in the bodies; `synced` are the requests."""
    written = work.taken(PEOPLE.format("PUT") + "/*", fields="work_history")
    counts = Counter(synced=len(written), failed=len(work.given_up()))
    for change in written:
        before = work.before[int(change.path.rpartition("/")[2])].get("work_history") or []
        after = change.body["acf"]["work_history"]
        counts["created"] += len(after) - len(before)
        counts["updated"] += _current(before) + len(after) - len(before) - _current(after)
    return {name: counts[name] for name in ("created", "updated", "synced", "failed")}


def _current(rows: Iterable[JsonObject]) -> int:
    return sum(row["is_current"] in (True, 1, "1") for row in rows)


def _cases(work: Work) -> Counts:
    """A case is dismissed when the club was told as well, where there is somebody to be told about."""
    posts = "rondo-club {} /wp-json/wp/v2/discipline-cases{}"
    untold = len(work.given_up("rondo-club POST */todos"))
    return {
        "created": len(work.taken(posts.format("POST", ""))),
        "updated": len(work.taken(posts.format("PUT", "/*"))),
        "dismissed": len(work.taken(posts.format("DELETE", "/*"))) - untold,
        "failed": len(work.given_up()),
    }


def _customers(work: Work) -> Counts:
    """A customer that FreeScout has already is looked up and updated: its refusal is no failure."""
    return {
        "created": len(work.taken("freescout POST /api/customers")),
        "updated": len([one for one in work.taken("freescout PUT /api/customers/*") if one.path.rpartition("/")[2].isdecimal()]),
        "synced": len(work.taken("freescout PUT */customer_fields")),
        "deleted": len(work.taken("freescout DELETE *")),
        "failed": len(work.given_up()) - len(work.taken(LOOKED_UP)),
    }


def _posts(name: str) -> Rule:
    path = f"/wp-json/wp/v2/{name}"
    return _requests(created=f"rondo-club POST {path}", updated=f"rondo-club PUT {path}/*", deleted=f"rondo-club DELETE {path}/*")


RULES: dict[str, Rule] = {
    "sportlink-download": _requests(),
    "laposta-prepare": _requests(),
    "laposta-submit": _subscribers,
    "rondo-club-sync": _persons,
    "photo-download": _requests(created="sportlink GET /photos/*"),
    "photo-upload": _photo_uploads,
    "reverse-sync": _pushed_members,
    "team-download": _requests(),
    "team-sync": _posts("teams"),
    "work-history-sync": _history_rows,
    "functions-download": _member_tabs,
    "commissie-sync": _posts("commissies"),
    "commissie-work-history-sync": _history_rows,
    "free-fields-sync": _requests("* */people/[0-9]*[0-9]", updated=PEOPLE.format("PUT") + "/*"),
    "discipline-download": _requests(),
    "discipline-sync": _cases,
    "nikki-download": _requests(),
    "freescout-sync": _customers,
}
"""What the counts of each step are by what the systems received; counts that are not there mean no requests."""

CONTRIBUTIONS = _requests(updated=PEOPLE.format("PUT") + "/*")
"""The step rondo-club-sync of nikki."""

_POSTS = {"created": "created", "updated": "updated", "deleted": "deleted"}
_ROWS = {"created": "created", "ended": "updated", "synced": "synced"}
_MEMBERS = {
    **{name: f"laposta-submit {count}" for name, count in {"added": "created", "updated": "updated"}.items()},
    "rondoClub.created": "rondo-club-sync created",
    "rondoClub.updated": "rondo-club-sync updated",
    "rondoClub.errors": "rondo-club-sync failed",
}


def _block(name: str, step: str, names: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}.{stat}": f"{step} {count}" for stat, count in {**names, "errors": "failed"}.items()}


_TEAMS = _block("workHistory", "work-history-sync", _ROWS)
_CUSTOMERS = {**_POSTS, "synced": "synced"}
_CASES = {"created": "created", "updated": "updated", "dismissed": "dismissed"}
_DOWNLOADED = {"functions.total": "functions-download created", "functions.errors": "functions-download failed"}

STATS: dict[str, dict[str, str]] = {
    "people": {
        **_MEMBERS,
        "photos.downloaded": "photo-download created",
        "photos.uploaded": "photo-upload created",
        "photos.deleted": "photo-upload deleted",
        "reverseSync.synced": "reverse-sync updated",
        "reverseSync.failed": "reverse-sync failed",
    },
    "nikki": {"rondoClub.updated": "rondo-club-sync updated", "rondoClub.errors": "rondo-club-sync failed"},
    "teams": {**_block("teams", "team-sync", _POSTS), **_TEAMS},
    "functions": {
        "download.total": "functions-download created",
        "download.errors": "functions-download failed",
        **_block("commissies", "commissie-sync", _POSTS),
        **_block("workHistory", "commissie-work-history-sync", _ROWS),
        **_block("freeFields", "free-fields-sync", {"updated": "updated"}),
    },
    "discipline": _block("sync", "discipline-sync", _CASES),
    "freescout": {name.partition(".")[2]: count for name, count in _block("", "freescout-sync", _CUSTOMERS).items()},
    "all": {
        **_MEMBERS,
        "rondoClub.deleted": "rondo-club-sync deleted",
        "photos.download.downloaded": "photo-download created",
        "photos.download.errors": "photo-download failed",
        "photos.upload.synced": "photo-upload created",
        "photos.delete.deleted": "photo-upload deleted",
        **_block("teams", "team-sync", _POSTS),
        **_TEAMS,
        **_DOWNLOADED,
        **_block("commissies", "commissie-sync", _POSTS),
        **_block("commissieWorkHistory", "commissie-work-history-sync", _ROWS),
        **_block("freescout", "freescout-sync", _CUSTOMERS),
        **_block("discipline", "discipline-sync", _CASES),
    },
}
"""By pipeline: which of the stats is which count of which step."""

ADDED_UP: dict[str, tuple[str, ...]] = {
    "people": ("rondoClub",),
    "nikki": (),
    "teams": ("teams",),
    "functions": ("commissies", "freeFields"),
    "discipline": ("sync",),
    "freescout": ("",),
    "all": ("rondoClub", "teams", "commissies", "freescout", "discipline"),
}
"""By pipeline: the parts of the stats whose `total` is what became of all that was looked at."""


def find_differences(
    pipeline: str, steps: Iterable[RecordedStep], work: Mapping[str, Work], stats: JsonObject | None
) -> Iterator[str]:
    """Counts and stats that are not what the systems received and took.

    Args:
        pipeline: Whose run it is.
        steps: As they were tracked.
        work: What they did, by their names.
        stats: Those of the run; None where nobody knows them.
    """
    counts: dict[str, int] = {}
    for step in steps:
        rule = CONTRIBUTIONS if (pipeline, step.name) == ("nikki", "rondo-club-sync") else RULES[step.name]
        for name, seen in rule(work[step.name]).items():
            counts[f"{step.name} {name}"] = expected = seen + (_failed_unasked(step) if name == "failed" else 0)
            if (told := getattr(step, name, expected)) != expected:
                yield f"{step.name}: {name} is {told}, and by the requests it is {expected}"
    for path, count in STATS[pipeline].items() if stats else ():
        stat = _part(stats, path)
        told = len(stat) if isinstance(stat, list) else stat
        if told != counts[count]:
            yield f"stats: {path} is {told}, and by the requests it is {counts[count]}"
    for path in ADDED_UP[pipeline] if stats else ():
        part = _part(stats, path)
        became = sum(part.get(name, 0) for name in ("created", "updated", "skipped", "skipped_no_person"))
        # What is deleted is not in the total, and may have failed.
        if not became <= part["total"] <= became + len(part["errors"]):
            yield f"stats: {path} total is {part['total']}, and it became {became} and {len(part['errors'])} errors"


def _part(stats: Any, path: str) -> Any:
    """What stands at a path of the stats; all of them at an empty one."""
    return reduce(lambda part, key: part[key], filter(None, path.split(".")), stats)


def _failed_unasked(step: RecordedStep) -> int:
    """Failures without a request: photos that wait for their persons, and a download that most would be missing from."""
    waiting = step.skipped if step.name == "photo-upload" else 0
    return waiting + sum("are kept" in str(error.message) for error in step.errors)


def _identity(one: Received) -> tuple[Any, ...]:
    return one.system, one.method, one.path, one.query, one.body


def _line(one: Received) -> str:
    return f"{one.system} {one.method} {one.path}"


def _is_taken(one: Received) -> bool:
    return one.status is not None and (one.status < 400 or (one.method == "DELETE" and one.status == 404))
