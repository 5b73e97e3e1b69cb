"""The work history of a person: which rows are ours, and what becomes of them.

The repeater holds rows of three hands: ours for teams, ours for commissies, and those that somebody made in Rondo Club.
Only our own are ever changed, none is taken out, and a PUT replaces them all: what was read is written back.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.clients import JsonObject
from pipelines.state import TrackedRow
from pipelines.transform.relationships import read_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A team or a commissie that a member is in.

    Attributes:
        post_id: Of the team or the commissie.
        role: What the member is there; empty where nobody says, which makes no row but lets one live that is there.
        start_date: YYYY-MM-DD; empty where Sportlink does not say.
    """

    post_id: int
    role: str
    start_date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done to a person's rows of one kind."""

    kept: tuple[TrackedRow, ...]
    ended: tuple[TrackedRow, ...]
    added: tuple[Membership, ...]

    @property
    def is_empty(self) -> bool:
        """The rows are as they should be."""
        return not (self.ended or self.added)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenHistory:
    """A person's work history as it shall be, and which of its rows are ours; `has_changed`: it is not as it was read."""

    rows: tuple[JsonObject, ...]
    current: tuple[TrackedRow, ...]
    ended: tuple[TrackedRow, ...]
    added_count: int
    has_changed: bool


def plan_history(tracked: Sequence[TrackedRow], wanted: Collection[Membership]) -> Plan:
    """Compare the rows that a person has of us with the memberships that it should have."""
    roles = {(one.post_id, one.role) for one in wanted}
    unnamed = {one.post_id for one in wanted if not one.role}
    kept = [row for row in tracked if (row.post_id, row.job_title) in roles or row.post_id in unnamed]
    known = {(row.post_id, row.job_title) for row in kept}
    return Plan(
        kept=tuple(kept),
        ended=tuple(row for row in tracked if row not in kept),
        added=tuple(one for one in wanted if one.role and (one.post_id, one.role) not in known),
    )


def write_history(rows: Sequence[JsonObject], plan: Plan, *, default_start: str, today: str) -> WrittenHistory:
    """Carry out a plan.

    Args:
        rows: The repeater as it was read.
        plan: What is to be done. A row to keep that is not there any more is added again.
        default_start: Start date of what begins on a day that nobody says.
        today: YYYY-MM-DD: end date of what is over.
    """
    written = [_readable(row) for row in rows]
    found = _locate(written, [*plan.kept, *plan.ended])
    current = [replace(row, index=found[row]) for row in plan.kept if row in found]
    ended = [replace(row, index=found[row]) for row in plan.ended if row in found]
    for row in ended:
        written[row.index] |= {"is_current": False, "end_date": today}
    current += [_add(written, membership, found.values()) for membership in _missing(plan, found, default_start)]
    added_count = len(written) - len(rows)
    return WrittenHistory(
        rows=tuple(written),
        current=tuple(current),
        ended=tuple(ended),
        added_count=added_count,
        has_changed=bool(ended or added_count),
    )


def _locate(rows: Sequence[JsonObject], tracked: Sequence[TrackedRow]) -> dict[TrackedRow, int]:
    """Where our rows are: somebody may have taken out a row before them, or corrected what is in them."""
    found: dict[TrackedRow, int] = {}
    for is_ours in (_is_untouched, _is_in_place):
        for ours in tracked:
            free = [index for index, row in enumerate(rows) if index not in found.values() and is_ours(row, index, ours)]
            if free and ours not in found:
                found[ours] = _nearest(free, ours.index)
    return found


def _nearest(indexes: Sequence[int], place: int) -> int:
    return min(indexes, key=lambda index: abs(index - place))


def _is_untouched(row: JsonObject, _index: int, ours: TrackedRow) -> bool:
    return (row.get("team"), row["job_title"], row["start_date"]) == (ours.post_id, ours.job_title, ours.start_date)


def _is_in_place(row: JsonObject, index: int, ours: TrackedRow) -> bool:
    return index == ours.index and row.get("team") == ours.post_id


def _missing(plan: Plan, found: Collection[TrackedRow], default_start: str) -> Iterator[Membership]:
    """The memberships that have no row, with the start date that they get."""
    for row in plan.kept:
        if row not in found:
            yield Membership(post_id=row.post_id, role=row.job_title, start_date=row.start_date)
    for membership in plan.added:
        yield replace(membership, start_date=membership.start_date or default_start)


def _add(rows: list[JsonObject], membership: Membership, ours: Collection[int]) -> TrackedRow:
    """Add a row; a current one of this role is taken for ours, as an earlier write may not have been remembered."""
    wanted = _row(membership)
    index = next((at for at, row in enumerate(rows) if at not in ours and _says(row) == _says(wanted)), len(rows))
    if index == len(rows):
        rows.append(wanted)
    return TrackedRow(
        post_id=membership.post_id,
        job_title=membership.role,
        start_date=rows[index]["start_date"],
        index=index,
    )


def _says(row: JsonObject) -> tuple[object, ...]:
    """What a row says, whenever it began."""
    return row.get("team"), row["job_title"], row["is_current"], row["end_date"]


def _row(membership: Membership) -> JsonObject:
    return {
        "job_title": membership.role,
        "is_current": True,
        "start_date": membership.start_date,
        "end_date": "",
        "team": membership.post_id,
    }


def _readable(raw: JsonObject) -> JsonObject:
    """A row as it may be written back: a team that is deleted reads as nothing, which is refused."""
    team = read_ids(raw.get("team"))
    row = {
        "job_title": raw.get("job_title") or "",
        "is_current": raw.get("is_current") in (True, 1, "1"),
        "start_date": raw.get("start_date") or "",
        "end_date": raw.get("end_date") or "",
    }
    return {**row, "team": team[0]} if team else row
