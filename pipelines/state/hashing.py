"""Change detection: what was sent last is remembered by its hash."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a system shall know, by its hash, and what it was told last; None: nothing yet."""

    source_hash: str
    last_synced_hash: str | None

    @property
    def is_changed(self) -> bool:
        """The system does not know it in this form."""
        return self.last_synced_hash != self.source_hash


def canonical_json(payload: object) -> str:
    """One text for equal payloads: keys sorted, no white space, non-ASCII as it is."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def source_hash(payload: object) -> str:
    """SHA-256 in hex over the canonical JSON of a payload."""
    return hashlib.sha256(canonical_json(payload).encode()).hexdigest()
