"""What can go wrong in the bridge, as one tree.

OtelSqliteError
├── MissingExtraError        an optional dependency is not installed
├── DisabledError            tracking is switched off
├── ReceiverError            the receiver cannot be started as asked
└── StoreError               the dashboard database cannot be used now
    ├── StoreBusyError       somebody else holds it; try again
    │   └── StoreRecoveringError  it is busy with what dead processes left
    ├── StoreFullError       the disk is (nearly) full; heals when space returns
    ├── StoreDiskError       the system fails to read or write it
    ├── StoreStarvedError    the process may open no more files; heals when it closes some
    ├── StoreReplacedError   another file stands at the path; write everything again
    ├── StoreReadOnlyError   no right to write
    ├── StoreForbiddenError  no right even to look
    ├── StoreMissingError    there is no file
    ├── StorePathError       the path cannot hold a database
    ├── NotADatabaseError    the file is not SQLite, or is damaged
    ├── ForeignDatabaseError the database belongs to something else
    ├── HealthyDatabaseError there is nothing to repair
    └── NewerDatabaseError   a newer otel_sqlite wrote it
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class OtelSqliteError(Exception):
    """Root of every error of this package."""


class MissingExtraError(OtelSqliteError):
    """A feature's optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra '{extra}': pip install 'otel-sqlite[{extra}]'")
        self.extra = extra


class DisabledError(OtelSqliteError):
    """OpenTelemetry is switched off, and tracking with it."""

    def __init__(self) -> None:
        super().__init__("OTEL_SDK_DISABLED is true, so nothing is recorded: unset it where pipelines run")


class ReceiverError(OtelSqliteError):
    """The receiver cannot be started as asked."""


class StoreError(OtelSqliteError):
    """The dashboard database cannot be used now.

    Attributes:
        path: The database file.
        reason: What the system said, for diagnosis.
    """

    problem = "cannot be used"
    remedy = "run 'otel-sqlite init' and read what it says"

    def __init__(self, path: "Path", reason: str = "") -> None:
        detail = f" ({reason})" if reason else ""
        super().__init__(f"dashboard database {path} {self.problem}{detail}: {self.remedy}")
        self.path = path
        self.reason = reason


class StoreBusyError(StoreError):
    """Another process holds the database, or the write mutex, for too long."""

    problem = "is locked by another process"
    remedy = "nothing is lost, it is tried again; end the process that holds it if this stays"


class StoreRecoveringError(StoreBusyError):
    """Another process records what dead ones left, and is not done yet."""

    problem = "is busy, another process records what dead ones left"
    remedy = "ask again in a moment; if this stays, 'otel-sqlite doctor' names that process"


class StoreFullError(StoreError):
    """The disk is full, or so nearly full that SQLite would be at risk."""

    problem = "cannot grow, the disk is full"
    remedy = "free some space, recording goes on by itself"


class StoreDiskError(StoreError):
    """The system failed to read, write or sync it: a disk that breaks, a quota, a limit of the size of files."""

    problem = "cannot be read or written, the system reports a fault"
    remedy = "look at the disk (dmesg), its quota and 'ulimit -f'; it is tried again"


class StoreStarvedError(StoreError):
    """The process, or the machine, has as many open files as it may have."""

    problem = "cannot be opened"
    remedy = "raise the limit of open files (ulimit -n), recording goes on by itself"


class StoreReplacedError(StoreError):
    """The file at the path is not the one that was opened."""

    problem = "was replaced while open"
    remedy = "it is opened anew and what the journal holds is written again"


class StoreReadOnlyError(StoreError):
    """The file, its folder or its file system does not allow writing."""

    problem = "is read-only"
    remedy = "make the file and its folder writable for this user, or set OTEL_SQLITE_PATH to another place"


class StoreForbiddenError(StoreError):
    """This user may not even look at it."""

    problem = "is closed to this user"
    remedy = "be the user that owns it ('otel-sqlite doctor' says who), or set OTEL_SQLITE_PATH to another place"


class StoreMissingError(StoreError):
    """There is no file at the path."""

    problem = "is not there"
    remedy = "run a pipeline, or say where it is: OTEL_SQLITE_PATH or --path"


class StorePathError(StoreError):
    """A directory, a device, or a place that cannot be created."""

    problem = "cannot be opened"
    remedy = "set OTEL_SQLITE_PATH (or configure(path=...)) to a file in a writable folder"


class NotADatabaseError(StoreError):
    """The file has another format or is damaged; it is never modified."""

    problem = "is not a healthy SQLite database"
    remedy = "'otel-sqlite doctor' says whether it can be repaired"


class ForeignDatabaseError(StoreError):
    """A healthy SQLite database that holds something else; it is never modified."""

    problem = "belongs to another application"
    remedy = "set OTEL_SQLITE_PATH (or configure(path=...)) to a file of its own"


class HealthyDatabaseError(StoreError):
    """Nothing is wrong with it: it is not repaired."""

    problem = "is whole"
    remedy = "there is nothing to repair"


class NewerDatabaseError(StoreError):
    """Its schema version is newer than this package knows; it is never modified."""

    problem = "was written by a newer otel_sqlite"
    remedy = "upgrade: pip install --upgrade otel-sqlite"
