"""Makes any value storable: texts that UTF-8 and SQLite can hold, counts that fit, JSON that parses. Nothing here can raise."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

MESSAGE_LIMIT = 2_000
STACK_LIMIT = 4_000
NAME_LIMIT = 500
DETAIL_LIMIT = 100_000
SUMMARY_LIMIT = 1_000_000

# A thousand of these still add up to less than SQLite's largest integer, where SUM() would fail; JSON readers hold them exactly.
MAX_COUNT = 2**53 - 1

_MAX_DEPTH = 20
_MAX_NODES = 50_000
_CUT: Final = "…"

_Item = TypeVar("_Item")


def text(value: object, limit: int = MESSAGE_LIMIT) -> str:
    """The value as text of at most ``limit`` characters; what was cut off is said at its end."""
    if type(value) is str and len(value) <= limit and value.isascii() and "\0" not in value:
        return value  # nearly all are
    result = _readable(value)
    if len(result) > limit:
        note = f"… [{len(result)} characters]"
        result = result[: limit - len(note)] + note
    return _encodable(result)


def stack(value: object) -> str:
    """A stack trace of at most STACK_LIMIT characters: its end is kept, where Python puts the innermost frame and the message."""
    result = _readable(value)
    return _encodable(result if len(result) <= STACK_LIMIT else _CUT + result[1 - STACK_LIMIT :])


def count(value: object) -> int:
    """The value as a count between 0 and MAX_COUNT; 0 when it is not a number."""
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value  # nearly all are
    try:
        if isinstance(value, str | bytes | bytearray):
            return 0
        return min(max(int(value), 0), MAX_COUNT)  # type: ignore[call-overload,no-any-return]
    except BaseException as error:  # noqa: BLE001 - see hold_back
        hold_back(error)
        return 0


def json_text(value: object, limit: int) -> str:
    """The value as JSON text; what cannot be JSON becomes text, what is too long is cut and marked as such."""
    import json  # noqa: PLC0415 - a tenth of what a pipeline that is not tracked would load of us, for nothing

    nodes = iter(range(_MAX_NODES))
    encoded = json.dumps(_tree(value, 0, nodes), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(encoded) <= limit:
        return encoded
    # JSON escapes at most double the length of the excerpt.
    return json.dumps({"truncated_characters": len(encoded), "start": encoded[: limit // 3]}, ensure_ascii=False)


def hold_back(error: BaseException) -> None:
    """Reading a value of others may raise anything, an exit in its ``__str__`` included. Only Ctrl-C is not theirs."""
    if issubclass(type(error), KeyboardInterrupt):
        raise error


def class_name(value: object) -> str:
    """The name of the value's class, past a metaclass that answers with anything else."""
    return str(type.__dict__["__qualname__"].__get__(type(value)))


def _readable(value: object) -> str:
    try:
        return str.__str__(value if isinstance(value, str) else str(value))
    except BaseException as error:  # noqa: BLE001 - see hold_back
        hold_back(error)
        return f"<{class_name(value)} that cannot be shown>"


def _encodable(value: str) -> str:
    if value.isascii():
        return value.replace("\0", "\ufffd") if "\0" in value else value
    # A round trip through UTF-16 joins surrogate pairs and replaces the lone ones.
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _tree(value: object, depth: int, nodes: "Iterator[int]") -> object:
    """A copy of plain JSON types, bounded in depth and size."""
    if depth > _MAX_DEPTH:
        return _CUT
    try:
        return _node(value, depth, nodes)
    except BaseException as error:  # noqa: BLE001 - see hold_back
        hold_back(error)
        return f"<{class_name(value)} that cannot be read>"


def _node(value: object, depth: int, nodes: "Iterator[int]") -> object:  # noqa: PLR0911 - one return a kind of value
    match value:
        case None | True | False:
            return value
        case int():  # the types' own methods: a subclass may answer anything
            return number if abs(number := int.__int__(value)) <= MAX_COUNT else text(number)
        case float():
            return real if math.isfinite(real := float.__float__(value)) else text(real)
        case str():
            return text(value, DETAIL_LIMIT)
        case Mapping():
            return _object(value.items(), depth, nodes)
        case list() | tuple() | set() | frozenset():
            return [_tree(item, depth + 1, nodes) for item in _first(value, nodes, _CUT)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object(((field.name, getattr(value, field.name)) for field in dataclasses.fields(value)), depth, nodes)
    if callable(plain := getattr(value, "tolist", None)):  # numpy's arrays and scalars
        return _tree(plain(), depth + 1, nodes)
    return text(value)


def _object(items: "Iterable[tuple[object, object]]", depth: int, nodes: "Iterator[int]") -> dict[str, object]:
    return {text(key, NAME_LIMIT): _tree(item, depth + 1, nodes) for key, item in _first(items, nodes, (_CUT, _CUT))}


def _first(items: "Iterable[_Item]", nodes: "Iterator[int]", mark: "_Item") -> "Iterator[_Item]":
    """The items as long as there is room for nodes, then the mark: some collections never end."""
    for item in items:
        if next(nodes, None) is None:
            yield mark
            return
        yield item
