"""What goes wrong in a sync, as one tree.

SyncError
├── SettingsError               settings are missing or unusable
├── AlreadyRunningError         another process runs this pipeline, or uses this sandbox
├── MissingExtraError           packages are not installed
├── MissingBrowserError         there is no Chromium to drive
├── StateError                  what the pipelines remember cannot be opened
├── EmptyDownloadError          a system answered, with nothing in it
└── ClientError                 a system refused, failed or was not reached
    ├── SportlinkError
    │   └── LoginError
    ├── NikkiError
    │   └── NikkiLoginError
    ├── LapostaError
    ├── RondoClubError
    │   └── RondoClubNotFoundError
    └── FreeScoutError
        ├── FreeScoutExistsError
        └── FreeScoutNotFoundError
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class SyncError(Exception):
    """The root of everything this package raises on purpose; its text is fit to be shown."""

    @property
    def log_text(self) -> str:
        """The text in one line, fit for a log: no member is in it."""
        return " ".join(str(self).split())


class SettingsError(SyncError):
    """Settings are missing or unusable; one line names all of them."""

    def __init__(self, *, missing: Sequence[str] = (), unusable: Sequence[str] = ()) -> None:
        self.missing = tuple(missing)
        self.unusable = tuple(unusable)
        problems = [f"missing settings: {', '.join(missing)}"] if missing else []
        super().__init__(f"{'; '.join([*problems, *unusable])} (set them in the environment or in .env)")


class AlreadyRunningError(SyncError):
    """Another process holds what only one may use at a time."""


class MissingExtraError(SyncError):
    """What was asked for needs packages that are not installed."""

    def __init__(self, asked: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{asked} needs packages that are missing: pip install 'otel-sqlite[{extra}]'")


class MissingBrowserError(SyncError):
    """There is no Chromium on this machine that could be driven."""

    def __init__(self, reason: str) -> None:
        remedy = "on Debian or Ubuntu: apt-get install chromium; elsewhere: name it in SYNC_CHROMIUM"
        super().__init__(f"no Chromium to drive: {reason} ({remedy})")


class StateError(SyncError):
    """What the pipelines remember cannot be opened."""

    def __init__(self, directory: Path, reason: object) -> None:
        self.directory = directory
        super().__init__(f"the state in {directory} cannot be opened: {reason}")


class EmptyDownloadError(SyncError):
    """A system answered without a single item: refused, because everything known would look gone."""

    def __init__(self, system: str, items: str, *, remedy: str | None = None) -> None:
        self.system = system
        self.items = items
        remedy = remedy or f"look in {system} itself"
        super().__init__(f"{system}: download {items}: none received (nothing was changed; {remedy})")


class ClientError(SyncError):
    """A system refused a request, failed on it or could not be reached.

    Attributes:
        operation: What was asked, as a verb with an object: "upsert subscriber".
        subject: The item id it was asked for, as the caller gave it.
        status: HTTP status; None when there was no answer, or when the answer was fine and its content was not.
        reason: The system's own words, or ours when it had none. Never a whole body.
        remedy: What the operator can do about it, where that is known.
        retryable: The same request may succeed later, and doing it twice does no harm.
        retry_after_s: How long the system asks to be left alone.
    """

    system: ClassVar[str]

    def __init__(  # noqa: PLR0913  each is a fact that somebody asks for
        self,
        operation: str,
        *,
        subject: str | None = None,
        status: int | None = None,
        reason: str | None = None,
        remedy: str | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        self.operation = operation
        self.subject = subject
        self.status = status
        self.reason = reason
        self.remedy = remedy
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        super().__init__(self._message())

    @property
    def log_text(self) -> str:
        """What failed, without the subject and the system's own words: both may name a member."""
        return self._line(self.operation, str(self.status or "failed"))

    def _message(self) -> str:
        asked = f"{self.operation} {self.subject}" if self.subject else self.operation
        words = f'"{self.reason}"' if self.reason and self.status else self.reason
        answer = ", ".join(str(part) for part in (self.status, words) if part)
        return self._line(asked, answer)

    def _line(self, asked: str, answer: str) -> str:
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{self.system}: {asked}: {answer}{remedy}"


class SportlinkError(ClientError):
    """Sportlink Club refused, failed or was not reached."""

    system = "sportlink"


class LoginError(SportlinkError):
    """Sportlink Club did not let us in."""


class NikkiError(ClientError):
    """Nikki refused, failed or was not reached."""

    system = "nikki"


class NikkiLoginError(NikkiError):
    """Nikki did not let us in."""


class LapostaError(ClientError):
    """Laposta refused, failed or was not reached."""

    system = "laposta"


class RondoClubError(ClientError):
    """Rondo Club refused, failed or was not reached."""

    system = "rondo-club"


class RondoClubNotFoundError(RondoClubError):
    """Rondo Club no longer has what was asked for."""


class FreeScoutError(ClientError):
    """FreeScout refused, failed or was not reached."""

    system = "freescout"


class FreeScoutExistsError(FreeScoutError):
    """FreeScout already has a customer with this address."""


class FreeScoutNotFoundError(FreeScoutError):
    """FreeScout no longer has what was asked for."""
