"""What an examination finds: a condition, how bad it is, the facts, and what to do."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Level(StrEnum):
    """How bad a condition is; only a problem makes the exit code 1."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the examination.

    Attributes:
        condition: A stable name, for scripts.
        facts: What was seen.
        remedy: What to do, a command to paste where there is one; empty when there is nothing to do.
    """

    condition: str
    level: Level
    facts: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is examined.

    Attributes:
        path: The dashboard database, absolute.
        is_full: Look at every page and every index, however long it takes.
        now_ns: The time now.
    """

    path: Path
    is_full: bool
    now_ns: int

    def with_suffix(self, suffix: str) -> Path:
        """A file that SQLite keeps beside the database."""
        return self.path.with_name(self.path.name + suffix)


Findings = Iterator[Finding]


def problem(condition: str, facts: str, remedy: str) -> Finding:
    """Something that has to be mended."""
    return Finding(condition=condition, level=Level.PROBLEM, facts=facts, remedy=remedy)


def note(condition: str, facts: str, remedy: str = "") -> Finding:
    """Something to know."""
    return Finding(condition=condition, level=Level.NOTE, facts=facts, remedy=remedy)


def quoted(*words: object) -> str:
    """A command to paste."""
    return shlex.join(str(word) for word in words)
