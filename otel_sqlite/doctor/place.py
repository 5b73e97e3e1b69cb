"""Examines where the database lies: rights, owners, room, the kind of file system."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from otel_sqlite import journal
from otel_sqlite.doctor.finding import Case, Finding, Findings, note, problem, quoted
from otel_sqlite.errors import StoreForbiddenError, StorePathError
from otel_sqlite.store import connection
from otel_sqlite.store.connection import MIN_FREE_BYTES, sidecar

_ELSEWHERE: Final = "export OTEL_SQLITE_PATH=/another/place/dashboard.sqlite"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORKS: Final = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "afs",
    "ceph",
    "gluster",
    "lustre",
    "beegfs",
    "fuse.sshfs",
    "fuse.gluster",
    "gfs2",
)
_ESCAPES: Final = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def is_there(case: Case) -> Findings:
    """Whether there is a file at the path, nothing else, and this user may look at it."""
    try:
        has_something = connection.is_there(case.path, case.path)
    except StoreForbiddenError:
        yield _closed(case.path)
        return
    except StorePathError as error:
        yield problem("impossible-path", f"{case.path} can be no file: {error.reason}", _ELSEWHERE)
        return
    if not has_something:
        yield note(
            "no-database",
            f"there is no {case.path} yet",
            f"{quoted('otel-sqlite', 'init', '--path', case.path)} (or run a pipeline)",
        )
    elif not case.path.is_file():
        yield problem("not-a-file", f"{case.path} is not a file", _ELSEWHERE)


def _closed(path: Path) -> Finding:
    owner = _user(_nearest_in_sight(path).st_uid)
    command = quoted("sudo", "-u", owner, "otel-sqlite", "doctor", "--path", path)
    return problem("closed", f"{path} lies where only {owner} may look", command)


def _nearest_in_sight(path: Path) -> os.stat_result:
    """The folder that is closed: the nearest one that can be seen, from outside."""
    for folder in path.parents:
        with suppress(OSError):
            return folder.stat()
    return Path("/").stat()


def is_writable(case: Case) -> Findings:
    """Whether this user may write the files and their folders."""
    for file in _files(case):
        if not os.access(file, os.W_OK):
            if os.statvfs(file).f_flag & os.ST_RDONLY:
                yield problem(
                    "read-only", f"the file system of {file} is read-only", f"mount -o remount,rw {quoted(_mount_point(file))}"
                )
            else:
                yield problem("read-only", f"{file} cannot be written by this user", _to_write(file))
    folder = _nearest_folder(case.path)
    if not case.path.parent.exists() and not os.access(folder, os.W_OK):
        yield problem("read-only", f"nothing can be made in {folder}", _ELSEWHERE)


def _to_write(file: Path) -> str:
    """What makes a file writable for this user."""
    found = file.stat()
    if found.st_uid != os.geteuid():
        owner = _user(found.st_uid)
        return f"use it as {owner} (sudo -u {quoted(owner)} ...)"
    # The mode allows it, so it is an attribute that forbids it.
    return quoted("sudo", "chattr", "-i", file) if found.st_mode & stat.S_IWUSR else quoted("chmod", "u+w", file)


def has_one_owner(case: Case) -> Findings:
    """Whether all files belong to the user of the database, and this user is that one."""
    if not case.path.exists():
        return
    owner = case.path.stat().st_uid
    if owner != os.geteuid():
        name = _user(owner)
        yield problem(
            "wrong-user",
            f"{case.path} belongs to {name}: whoever else opens it leaves files that {name} cannot write",
            f"sudo -u {quoted(name)} otel-sqlite doctor --path {quoted(case.path)}",
        )
    for file in _files(case):
        if file.stat().st_uid != owner and file != case.path.parent:
            yield problem(
                "wrong-owner",
                f"{file} belongs to {_user(file.stat().st_uid)}, the database to {_user(owner)}",
                f"sudo chown {quoted(_user(owner), file)}",
            )


def is_private(case: Case) -> Findings:
    """Whether others can read what is about members."""
    if case.path.exists() and not case.path.is_file():  # somebody else's, and closing it to others might do harm
        return
    for file in _files(case):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077 and file != case.path.parent:
            wanted = "700" if file.is_dir() else "600"
            yield note("wrong-mode", f"{file} has mode {mode:o}: others may look into it", quoted("chmod", wanted, file))


def has_room(case: Case) -> Findings:
    """Whether the disk has the room that SQLite needs to be safe."""
    disk = os.statvfs(_nearest_folder(case.path))
    free = disk.f_bavail * disk.f_frsize
    if free < MIN_FREE_BYTES:
        yield problem(
            "little-space",
            f"{free // 1024} KiB free, {MIN_FREE_BYTES // 1024} KiB are needed: journals go on, the database waits",
            f"free some space: du -xh {quoted(_mount_point(case.path))} | sort -h | tail",
        )


def is_local(case: Case) -> Findings:
    """Whether the file system is one whose locks SQLite can trust."""
    kind = _mount(case.path)[1]
    if kind.startswith(_NETWORKS):
        yield problem(
            "network-file-system",
            f"{case.path} lies on {kind}: locks and shared memory of SQLite do not work across machines",
            "export OTEL_SQLITE_PATH=/a/local/place/dashboard.sqlite",
        )


def _files(case: Case) -> Iterator[Path]:
    """The database, what lies beside it, and their folders, as far as they exist."""
    beside = sidecar(case.path)
    for file in (
        case.path.parent,
        case.path,
        case.with_suffix("-wal"),
        case.with_suffix("-shm"),
        beside,
        beside / "mutex",
        beside / "queue",
        beside / "recovery",
        journal.folder(case.path),
    ):
        if file.exists():
            yield file


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.exists())


def _user(uid: int) -> str:
    import pwd  # noqa: PLC0415 - only for names

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _mount_point(path: Path) -> str:
    return _mount(path)[0]


def _mount(path: Path) -> tuple[str, str]:
    """Mount point and kind of the file system that a path is on; the kind is empty when it is not known."""
    try:
        lines = _MOUNTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return "/", ""
    best = ("/", "")
    for fields in map(str.split, lines):
        point, kind = fields[4], fields[fields.index("-") + 1]
        for escape, character in _ESCAPES.items():
            point = point.replace(escape, character)
        if path.is_relative_to(point) and len(point) >= len(best[0]):  # of two on the same point, the later one is seen
            best = (point, kind)
    return best
