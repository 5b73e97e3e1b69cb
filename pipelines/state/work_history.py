"""What the pipelines remember of the rows that they added to the work history of persons."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipelines.state.database import transaction
from pipelines.state.posts import PostKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRow:
    """A current row that we added.

    Attributes:
        post_id: The team or the commissie.
        start_date: As we wrote it: YYYY-MM-DD; empty where the membership is older than our knowledge of it.
        index: Where in the repeater the row was, when it was last seen.
    """

    post_id: int
    job_title: str
    start_date: str
    index: int


class WorkHistoryState:
    """The rows of one kind of post. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str], kind: PostKind) -> None:
        self._connection = connection
        self._now = now
        self._kind = kind

    def tracked(self) -> dict[str, list[TrackedRow]]:
        """The current rows by KNVB id, of those persons that the members still have."""
        rows: defaultdict[str, list[TrackedRow]] = defaultdict(list)
        for knvb_id, post_id, job_title, start_date, index in self._connection.execute(_TRACKED, (self._kind,)):
            rows[knvb_id].append(TrackedRow(post_id=post_id, job_title=job_title, start_date=start_date, index=index))
        return dict(rows)

    def has_history(self, knvb_id: str, person_id: int) -> bool:
        """Whether we ever added a row to this person."""
        query = "SELECT 1 FROM rondo_club_work_history WHERE kind = ? AND knvb_id = ? AND rondo_club_id = ?"
        return self._connection.execute(query, (self._kind, knvb_id, person_id)).fetchone() is not None

    def save(self, knvb_id: str, person_id: int, *, current: Iterable[TrackedRow], ended: Iterable[TrackedRow]) -> None:
        """Remember which rows of a person are ours now, and which of them are over."""
        now = self._now()
        key = (self._kind, knvb_id, person_id)
        rows = [*((row, now) for row in ended), *((row, None) for row in current)]
        with transaction(self._connection):
            self._connection.execute(
                "DELETE FROM rondo_club_work_history WHERE kind = ? AND knvb_id = ? AND rondo_club_id = ? AND ended_at IS NULL",
                key,
            )
            self._connection.executemany(
                "REPLACE INTO rondo_club_work_history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*key, row.post_id, row.job_title, row.start_date, row.index, now, ended_at) for row, ended_at in rows],
            )

    def post_names(self) -> dict[str, list[str]]:
        """The names of the teams, or of the commissies, that members are in at present, each once and sorted, by KNVB id."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for knvb_id, name in self._connection.execute(_POST_NAMES, (self._kind,)):
            names[knvb_id].append(name)
        return dict(names)


_TRACKED = """
SELECT knvb_id, post_id, job_title, start_date, rondo_club_work_history_id
FROM rondo_club_work_history AS history JOIN rondo_club_members USING (knvb_id, rondo_club_id)
WHERE kind = ? AND ended_at IS NULL
ORDER BY knvb_id, rondo_club_work_history_id
"""

_POST_NAMES = """
SELECT DISTINCT history.knvb_id, posts.name
FROM rondo_club_work_history AS history
JOIN rondo_club_members USING (knvb_id, rondo_club_id)
JOIN rondo_club_posts AS posts ON posts.kind = history.kind AND posts.rondo_club_id = history.post_id
WHERE history.kind = ? AND history.ended_at IS NULL
ORDER BY history.knvb_id, posts.name
"""
