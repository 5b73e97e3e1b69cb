"""Change detection: what was sent last is remembered by its hash."""

import hashlib
import json


def canonical_json(payload: object) -> str:
    """One text for equal payloads: keys sorted, no white space, non-ASCII as it is."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def source_hash(payload: object) -> str:
    """SHA-256 in hex over the canonical JSON of a payload."""
    return hashlib.sha256(canonical_json(payload).encode()).hexdigest()
