"""Makes any value storable: texts that UTF-8 and SQLite can hold, counts that fit, JSON that parses. Nothing here can raise."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping

MESSAGE_LIMIT = 2_000
STACK_LIMIT = 4_000
NAME_LIMIT = 500
DETAIL_LIMIT = 100_000
SUMMARY_LIMIT = 1_000_000

# A thousand of these still add up to less than SQLite's largest integer, where SUM() would fail; JSON readers hold them exactly.
MAX_COUNT = 2**53 - 1

_MAX_DEPTH = 20
_MAX_NODES = 50_000


def text(value: object, limit: int = MESSAGE_LIMIT) -> str:
    """The value as text of at most ``limit`` characters; what was cut off is said at its end."""
    result = _readable(value)
    if len(result) > limit:
        note = f"… [{len(result)} characters]"
        result = result[: limit - len(note)] + note
    return _encodable(result)


def stack(value: object) -> str:
    """A stack trace of at most STACK_LIMIT characters: its end is kept, where Python puts the innermost frame and the message."""
    result = _readable(value)
    return _encodable(result if len(result) <= STACK_LIMIT else "…" + result[1 - STACK_LIMIT :])


def count(value: object) -> int:
    """The value as a count between 0 and MAX_COUNT; 0 when it is not a number."""
    if isinstance(value, str | bytes | bytearray):
        return 0
    try:
        return min(max(int(value), 0), MAX_COUNT)  # type: ignore[call-overload,no-any-return]
    except Exception:  # noqa: BLE001 - numbers of others may do anything in __int__
        return 0


def json_text(value: object, limit: int) -> str:
    """The value as JSON text; what cannot be JSON becomes text, what is too long is cut and marked as such."""
    nodes = iter(range(_MAX_NODES))
    encoded = json.dumps(_tree(value, 0, nodes), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(encoded) <= limit:
        return encoded
    # JSON escapes at most double the length of the excerpt.
    return json.dumps({"truncated_characters": len(encoded), "start": encoded[: limit // 3]}, ensure_ascii=False)


def _readable(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    try:
        return str(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a broken __str__ may raise anything, SystemExit included
        return f"<{type(value).__name__} that cannot be shown>"


def _encodable(value: str) -> str:
    if value.isascii():
        return value.replace("\0", "\ufffd") if "\0" in value else value
    # A round trip through UTF-16 joins surrogate pairs and replaces the lone ones.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _tree(value: object, depth: int, nodes: "Iterator[int]") -> object:
    """A copy of plain JSON types, bounded in depth and size."""
    if depth > _MAX_DEPTH or next(nodes, None) is None:
        return "…"
    try:
        return _node(value, depth, nodes)
    except Exception:  # noqa: BLE001 - containers of others may do anything when read
        return f"<{type(value).__name__} that cannot be read>"


def _node(value: object, depth: int, nodes: "Iterator[int]") -> object:  # noqa: PLR0911 - one return a kind of value
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) <= MAX_COUNT else text(value)
        case float():
            return float(value) if math.isfinite(value) else text(value)
        case str():
            return text(value, DETAIL_LIMIT)
        case Mapping():
            return {text(key, NAME_LIMIT): _tree(item, depth + 1, nodes) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_tree(item, depth + 1, nodes) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _tree(getattr(value, field.name), depth + 1, nodes) for field in fields}
    if callable(plain := getattr(value, "tolist", None)):  # numpy's arrays and scalars
        return _tree(plain(), depth + 1, nodes)
    return text(value)
