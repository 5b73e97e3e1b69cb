"""What the pipelines remember between runs: what was last seen and last sent. One SQLite file a target."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pipelines.state.contacts import Change, ContactField, ContactsState
from pipelines.state.database import open_database
from pipelines.state.discipline import Case, DisciplineState
from pipelines.state.freescout import Customer, FreeScoutState, WantedCustomer
from pipelines.state.functions import FreeFields, FunctionsState, Place
from pipelines.state.hashing import source_hash
from pipelines.state.laposta import LapostaState, Subscriber
from pipelines.state.nikki import Contribution, NikkiState
from pipelines.state.posts import Post, PostKind, PostsState, TeamsState, WantedPost
from pipelines.state.rondo import Member, Parent, PhotoState, RemotePerson, RondoState, WantedMember
from pipelines.state.work_history import TrackedRow, WorkHistoryState

__all__ = [
    "Case",
    "Change",
    "ContactField",
    "ContactsState",
    "Contribution",
    "Customer",
    "DisciplineState",
    "FreeFields",
    "FreeScoutState",
    "FunctionsState",
    "LapostaState",
    "Member",
    "NikkiState",
    "Parent",
    "PhotoState",
    "Place",
    "Post",
    "PostKind",
    "PostsState",
    "RemotePerson",
    "RondoState",
    "State",
    "Subscriber",
    "TeamsState",
    "TrackedRow",
    "WantedCustomer",
    "WantedMember",
    "WantedPost",
    "WorkHistoryState",
    "source_hash",
]


def _utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The open state files."""

    laposta: LapostaState
    rondo: RondoState
    contacts: ContactsState
    teams: TeamsState
    commissies: PostsState
    team_history: WorkHistoryState
    commissie_history: WorkHistoryState
    functions: FunctionsState
    discipline: DisciplineState
    nikki: NikkiState
    freescout: FreeScoutState

    @classmethod
    @contextmanager
    def open(cls, directory: Path, *, now: Callable[[], str] = _utc_now) -> Iterator[Self]:
        """Open the state files in this folder, which are made where they are missing.

        Args:
            directory: The folder; only its owner can look into it, because the files hold all member data.
            now: Gives the ISO time that changes are stamped with.
        """
        with (
            closing(open_database(directory / "laposta-sync.sqlite", schema="laposta.sql")) as laposta,
            closing(open_database(directory / "rondo-sync.sqlite", schema="rondo.sql")) as rondo,
            closing(open_database(directory / "discipline-sync.sqlite", schema="discipline.sql")) as discipline,
            closing(open_database(directory / "nikki-sync.sqlite", schema="nikki.sql")) as nikki,
            closing(open_database(directory / "freescout-sync.sqlite", schema="freescout.sql")) as freescout,
        ):
            yield cls(
                laposta=LapostaState(laposta, now),
                rondo=RondoState(rondo, now),
                contacts=ContactsState(rondo, now),
                teams=TeamsState(rondo, now),
                commissies=PostsState(rondo, now, PostKind.COMMISSIE),
                team_history=WorkHistoryState(rondo, now, PostKind.TEAM),
                commissie_history=WorkHistoryState(rondo, now, PostKind.COMMISSIE),
                functions=FunctionsState(rondo, now),
                discipline=DisciplineState(discipline, now),
                nikki=NikkiState(nikki, now),
                freescout=FreeScoutState(freescout, now),
            )
