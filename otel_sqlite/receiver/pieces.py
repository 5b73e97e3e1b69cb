"""Of how many messages a body of protobuf is made, before it is parsed: an empty span is two bytes in it, and 170 in memory."""

from functools import cache
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

_LEAST_MESSAGE: Final = 2  # bytes: the number of its field, and that it is empty
_LONGEST_VARINT: Final = 10
_VARINT, _LENGTH = 0, 2  # wire types
_FIXED: Final = {1: 8, 3: 0, 4: 0, 5: 4}  # the others' sizes; groups are marks around fields


def has_more_messages(body: bytes, limit: int) -> bool:
    """Whether an export request holds more than ``limit`` messages; where it is malformed, the parser stops as well."""
    if len(body) <= limit * _LEAST_MESSAGE:  # nearly all are
        return False
    try:
        return _count(body, limit) > limit
    except (IndexError, KeyError):  # it is cut off, or has a wire type that does not exist
        return False


def _count(body: bytes, limit: int) -> int:
    """The messages in the order of the bytes, until there are more than ``limit``."""
    inside: dict[int, Descriptor] = _messages_in(ExportTraceServiceRequest.DESCRIPTOR)
    around: list[tuple[dict[int, Descriptor], int]] = []
    count, at, end = 0, 0, len(body)
    while count <= limit and (at < end or around):
        if at >= end:
            inside, end = around.pop()
            continue
        key, at = _varint(body, at)
        wire_type = key & 7
        if wire_type == _VARINT:
            _, at = _varint(body, at)
        elif wire_type != _LENGTH:
            at += _FIXED[wire_type]
        else:
            length, at = _varint(body, at)
            if (message := inside.get(key >> 3)) is None:
                at += length
            else:
                count += 1
                around.append((inside, end))
                inside, end = _messages_in(message), at + length
    return count


@cache
def _messages_in(message: "Descriptor") -> "dict[int, Descriptor]":
    """The kinds of messages in a message, by the number of their field."""
    return {field.number: field.message_type for field in message.fields if field.message_type is not None}


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = body[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at + place + 1
    raise IndexError
