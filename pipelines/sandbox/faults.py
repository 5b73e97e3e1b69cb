"""What goes wrong on request: which requests are struck, by what, and how often.

Whether a fault strikes depends on the seed and on what a request is about, never on time, on threads or on the order of requests:
the same run meets the same faults.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Self

from pipelines.sandbox.calls import Call


class FaultKind(StrEnum):
    """What a fault does."""

    TOO_MANY_REQUESTS = "too-many-requests"
    """429 with Retry-After; the request is not handled."""
    SERVER_ERROR = "server-error"
    """500; the request is not handled."""
    SLOW = "slow"
    """Handled, but only after a wait."""
    DROPPED = "dropped"
    """The connection is closed without an answer; the request is not handled."""
    LOST = "lost"
    """The request is handled, then the connection is closed without an answer."""
    REFUSED = "refused"
    """What the system says to data that it does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule that strikes requests.

    Attributes:
        system: The name of a system, as in `Received.system`.
        method: An HTTP method, or `*`.
        path: A glob over the path, such as `/wp-json/wp/v2/people*`.
        subject: A glob over what the request is about: a KNVB ID, an e-mail address (see `System.subject`).
        share: The share of subjects that it strikes, from 0 to 1.
        times: How many times it strikes the same method and subject; None strikes always.
        seconds: How long a slow answer takes; what Retry-After says.
    """

    kind: FaultKind
    system: str
    method: str = "*"
    path: str = "*"
    subject: str = "*"
    share: float = 1.0
    times: int | None = 1
    seconds: float = 0.0

    def concerns(self, system: str, call: Call) -> bool:
        """Whether this rule is about such requests, whatever their subject."""
        return self.system == system and self.method in {"*", call.method} and fnmatchcase(call.path, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The rules of one sandbox; the first that strikes counts."""

    rules: tuple[Fault, ...] = ()
    seed: int = 1

    @classmethod
    def none(cls) -> Self:
        """Everything works."""
        return cls()

    @classmethod
    def demo(cls, *, seed: int = 1) -> Self:
        """A few faults that a retry cures, and a few members that are refused on every run, as in real life."""
        return cls(rules=_DEMO, seed=seed)


_DEMO = (
    Fault(kind=FaultKind.REFUSED, system="laposta", method="POST", path="/v2/member", share=0.001, times=None),
    Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", path="*/wp/v2/people", share=0.0015, times=None),
    Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", path="*/photo", share=0.0015, times=None),
    Fault(kind=FaultKind.REFUSED, system="sportlink", method="GET", path="/photos/*", share=0.003, times=None),
    Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="laposta", method="POST", share=0.002, seconds=1.0),
    Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", method="GET", share=0.003),
    Fault(kind=FaultKind.SERVER_ERROR, system="sportlink", method="GET", path="/photos/*", share=0.003),
    Fault(kind=FaultKind.DROPPED, system="sportlink", method="GET", path="*/MemberHeader", share=0.002),
    Fault(kind=FaultKind.DROPPED, system="rondo-club", method="PUT", share=0.002),
    Fault(kind=FaultKind.SLOW, system="rondo-club", share=0.002, seconds=0.05),
    Fault(kind=FaultKind.REFUSED, system="sportlink", method="GET", path="*/MemberFreeFields", share=0.003, times=None),
    Fault(kind=FaultKind.REFUSED, system="freescout", method="POST", path="*/customers", share=0.003, times=None),
    Fault(kind=FaultKind.SERVER_ERROR, system="sportlink", method="GET", path="*/MemberFunctions", share=0.005),
    Fault(kind=FaultKind.SERVER_ERROR, system="freescout", method="GET", share=0.003),
    Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="freescout", method="PUT", share=0.002, seconds=1.0),
)


class Strikes:
    """Decides request by request; counts how often a rule struck."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._struck: Counter[tuple[Fault, str, str]] = Counter()

    def strike(self, system: str, call: Call, find_subject: Callable[[Call], str]) -> Fault | None:
        """The fault that this request meets, if any."""
        concerned = [fault for fault in self._faults.rules if fault.concerns(system, call)]
        if not concerned:
            return None
        subject = find_subject(call)
        chosen = (fault for fault in concerned if fnmatchcase(subject, fault.subject) and self._is_drawn(fault, subject))
        return next((fault for fault in chosen if self._has_strikes_left(fault, call, subject)), None)

    def _has_strikes_left(self, fault: Fault, call: Call, subject: str) -> bool:
        """Whether it strikes once more; counts that it does."""
        if fault.times is None:
            return True
        self._struck[fault, call.method, subject] += 1
        return self._struck[fault, call.method, subject] <= fault.times

    def _is_drawn(self, fault: Fault, subject: str) -> bool:
        """A draw that is the same for the same seed, rule and subject."""
        identity = "\0".join((str(self._faults.seed), fault.kind, fault.system, fault.method, fault.path, subject))
        draw = int.from_bytes(hashlib.sha256(identity.encode(errors="surrogateescape")).digest()[:8])
        return draw < fault.share * 2**64
