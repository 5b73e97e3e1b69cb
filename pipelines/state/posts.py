"""What the pipelines remember of teams and commissies: the posts of Rondo Club, and who is on the roster of a team."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pipelines.state.database import transaction
from pipelines.state.hashing import Synced, canonical_json, source_hash


class PostKind(StrEnum):
    """What a post is about."""

    TEAM = "team"
    COMMISSIE = "commissie"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPost:
    """What a download says of a team or a commissie.

    Attributes:
        key: A team's id in Sportlink, because two teams may share a name; a commissie's name, which is all it has.
        body: Request body that makes the post what it should be.
        team_code: What the records of members call a team; may be empty, or another team's as well.
    """

    key: str
    name: str
    body: Mapping[str, Any]
    team_code: str = ""

    @property
    def source_hash(self) -> str:
        """Changes when anything that Rondo Club shall know changes."""
        return source_hash({"key": self.key, "data": self.body})


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(Synced):
    """A team or a commissie as the state knows it; `post_id` is its id in Rondo Club."""

    key: str
    name: str
    team_code: str
    body: dict[str, Any]
    post_id: int | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Read a row of rondo_club_posts."""
        return cls(
            key=row["key"],
            name=row["name"],
            team_code=row["team_code"],
            body=json.loads(row["data_json"]),
            post_id=row["rondo_club_id"],
            source_hash=row["source_hash"],
            last_synced_hash=row["last_synced_hash"],
        )


class PostsState:
    """The posts of one kind. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str], kind: PostKind) -> None:
        self._connection = connection
        self._now = now
        self.kind = kind

    def posts(self) -> list[Post]:
        """Those of the latest download, in the order in which they were first seen."""
        return self._select("left_at IS NULL")

    def gone(self) -> list[Post]:
        """Those that are in the latest download no more."""
        return self._select("left_at IS NOT NULL")

    def long_gone(self, *, days: int) -> frozenset[str]:
        """Keys of those that are in no download since so many days, by the date."""
        query = "SELECT key FROM rondo_club_posts WHERE kind = ? AND date(left_at) <= date(?, ?)"
        return frozenset(key for (key,) in self._connection.execute(query, (self.kind, self._now(), f"-{days} days")))

    def store(self, wanted: Iterable[WantedPost]) -> None:
        """Take over a download: what is not in it is gone."""
        now = self._now()
        rows = [
            {
                "kind": self.kind,
                "key": post.key,
                "name": post.name,
                "team_code": post.team_code,
                "data_json": canonical_json(post.body),
                "source_hash": post.source_hash,
                "now": now,
            }
            for post in wanted
        ]
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE rondo_club_posts SET left_at = ? WHERE kind = ? AND left_at IS NULL", (now, self.kind)
            )
            self._connection.executemany(_STORE_POST, rows)

    def mark_synced(self, post: Post, post_id: int) -> None:
        """Remember that this post of Rondo Club is the team or the commissie, in this form."""
        self._connection.execute(
            "UPDATE rondo_club_posts SET rondo_club_id = ?, last_synced_hash = ?, last_synced_at = ? WHERE kind = ? AND key = ?",
            (post_id, post.source_hash, self._now(), self.kind, post.key),
        )

    def forget(self, key: str) -> None:
        """Forget the team or the commissie altogether."""
        self._connection.execute("DELETE FROM rondo_club_posts WHERE kind = ? AND key = ?", (self.kind, key))

    def _select(self, condition: str) -> list[Post]:
        query = f"SELECT * FROM rondo_club_posts WHERE kind = ? AND {condition} ORDER BY id"  # noqa: S608  our own conditions
        return [Post.from_row(row) for row in self._connection.execute(query, (self.kind,))]


class TeamsState(PostsState):
    """The teams, with the lists that name them, and with their rosters: role by KNVB id."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        super().__init__(connection, now, PostKind.TEAM)

    def store_sources(self, sources: Mapping[str, str]) -> None:
        """Remember on which of Sportlink's lists these teams are; what is known of other teams stays."""
        with transaction(self._connection):
            self._connection.executemany("REPLACE INTO sportlink_team_sources VALUES (?, ?)", list(sources.items()))

    def sources(self) -> dict[str, str]:
        """The list that named a team last, by team."""
        return dict(self._connection.execute("SELECT * FROM sportlink_team_sources").fetchall())

    def store_rosters(self, rosters: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the rosters of these teams; those of other teams stay as they are."""
        rows = [(key, knvb_id, role) for key, roster in rosters.items() for knvb_id, role in roster.items()]
        with transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM sportlink_team_members WHERE sportlink_team_id = ?", [(key,) for key in rosters]
            )
            self._connection.executemany("INSERT INTO sportlink_team_members VALUES (?, ?, ?)", rows)

    def rosters(self) -> dict[str, dict[str, str]]:
        """The rosters by team; an empty role is one that Sportlink does not name."""
        rosters: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for key, knvb_id, role in self._connection.execute("SELECT * FROM sportlink_team_members"):
            rosters[key][knvb_id] = role
        return dict(rosters)


_STORE_POST = """
INSERT INTO rondo_club_posts (kind, key, name, team_code, data_json, source_hash, created_at, last_seen_at)
VALUES (:kind, :key, :name, :team_code, :data_json, :source_hash, :now, :now)
ON CONFLICT (kind, key) DO UPDATE SET
  name = excluded.name,
  team_code = excluded.team_code,
  data_json = excluded.data_json,
  source_hash = excluded.source_hash,
  last_seen_at = :now,
  left_at = NULL
"""
