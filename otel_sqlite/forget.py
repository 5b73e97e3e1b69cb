"""Removes what is known of an item wherever the bridge keeps it: the database, its free pages and WAL, and the journals."""

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite import applier, dead, journal
from otel_sqlite.store import forget as rows
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_READ_BYTES: Final = 4 * 1024 * 1024


class Holder(NamedTuple):
    """Who may still know an item.

    Attributes:
        file: A journal, or another file beside the database.
        pid: The live process that writes the journal; None: it is no journal of a live process.
        pipelines: What that process runs, or ran.
    """

    file: str
    pid: int | None
    pipelines: list[str]


class Forgotten(NamedTuple):
    """What ``forget`` did.

    Attributes:
        removed: In the database.
        journals: Journals of dead processes that were recorded and deleted before.
        holders: What still has it.
    """

    removed: rows.Removed
    journals: int
    holders: list[Holder]


def forget(path: "Path", items: "Sequence[str]", timeout_s: float) -> Forgotten:
    """Forget these items: their error rows are deleted, and what else mentions them is masked.

    Calling it again does no harm, and is what to do when the processes that still hold an item have ended.

    Args:
        path: The dashboard database, absolute.
        items: Item ids and addresses.
        timeout_s: How long each part waits for other writers.

    Raises:
        StoreError: It is not forgotten, or not everywhere.
    """
    recovered = applier.recover(path, timeout_s)
    Reader(path).close()  # says when there is no database, where writing would make one
    # Before the database is gone through: what a journal loses while that happens is in the database by then.
    holders = _holders(path, items)
    removed = rows.forget(path, items, timeout_s)
    if not removed.is_wal_empty:
        holders.append(Holder(f"{path}-wal", None, []))
    return Forgotten(removed, recovered.journals, holders)


def _holders(path: "Path", items: "Sequence[str]") -> list[Holder]:
    """The files beside the database that mention one of the items."""
    needles = [form.encode("utf-8", "replace") for item in items for form in _written(item)]
    ours = {path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))}
    beside = [file for file in path.parent.glob(f"{path.name}*") if file not in ours and file.is_file()]
    inside = [file for file in sidecar(path).rglob("*") if file.is_file()]
    return [_holder(path, file) for file in sorted(beside + inside) if _mentions(file, needles)]


def _written(item: str) -> list[str]:
    """How an item stands in a file: short ones only as a value of their own."""
    if len(item) < rows.SHORTEST_IN_TEXTS:
        return [json.dumps(item, ensure_ascii=False)]
    return rows.spellings(item)


def _mentions(file: "Path", needles: "Sequence[bytes]") -> bool:
    overlap = max(map(len, needles))
    end = b""
    try:
        with file.open("rb") as opened:
            while data := opened.read(_READ_BYTES):
                if any(needle.lower() in (end + data).lower() for needle in needles):
                    return True
                end = data[-overlap:]
    except OSError:
        return False  # its process has come to an end in between, and removed it
    return False


def _holder(path: "Path", file: "Path") -> Holder:
    is_live = file.parent == journal.folder(path) and dead.is_held(file)
    return Holder(str(file), *dead.owner(file)) if is_live else Holder(str(file), None, [])
