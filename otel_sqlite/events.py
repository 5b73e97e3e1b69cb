"""An exception or item error as OpenTelemetry keeps it: the attributes of an exception event. Nothing here can raise."""

import traceback
from typing import Final, TypeGuard, cast

from otel_sqlite import clean, semconv
from otel_sqlite.model import ItemError

Identity = tuple[int, type[BaseException], int]

_STACK_FRAMES: Final = -20  # the innermost: formatting a deep recursion costs more than the pipeline's own work


def of_item(error: object, item_id: object = None) -> dict[str, str]:
    """The event of an item that failed.

    Args:
        error: An ItemError, an exception, or whatever else says what went wrong.
        item_id: Outweighs the id that the error brings along.
    """
    if is_exception(error):
        attributes = of_exception(error)
    elif issubclass(type(error), ItemError):
        attributes = _of_message(cast("ItemError", error))
        item_id = cast("ItemError", error).item_id if item_id is None else item_id
    else:
        attributes = {semconv.EXCEPTION_MESSAGE: clean.text(error)}
    if item_id is not None:
        attributes[semconv.ITEM_ID] = clean.text(item_id, clean.NAME_LIMIT)
    return attributes


def is_exception(error: object) -> TypeGuard[BaseException]:
    """What isinstance() tells, without asking the object: it may answer anything."""
    return issubclass(type(error), BaseException)


def _of_message(error: ItemError) -> dict[str, str]:
    attributes = {semconv.EXCEPTION_MESSAGE: clean.text(error.message)}
    if error.stack is not None and (stack := clean.stack(error.stack)):
        attributes[semconv.EXCEPTION_STACKTRACE] = stack
    return attributes


def of_exception(error: BaseException) -> dict[str, str]:
    """The event of an exception."""
    return {
        semconv.EXCEPTION_TYPE: type_name(error),
        semconv.EXCEPTION_MESSAGE: clean.text(error),
        semconv.EXCEPTION_STACKTRACE: _stack(error),
    }


def describe(error: BaseException) -> str:
    """The exception in one text, its type included."""
    return clean.text(f"{type_name(error)}: {clean.text(error)}")


def type_name(error: BaseException) -> str:
    """The exception's class, with its module unless it is built in."""
    name, module = clean.class_name(error), clean.text(type.__dict__["__module__"].__get__(type(error)))
    return clean.text(name if module == "builtins" else f"{module}.{name}", clean.NAME_LIMIT)


def identity(error: BaseException) -> Identity:
    """Tells one exception object from another without keeping it, and all that its frames hold, alive."""
    return id(error), type(error), hash(clean.text(error))


def _stack(error: BaseException) -> str:
    try:
        return clean.stack("".join(traceback.format_exception(type(error), error, error.__traceback__, limit=_STACK_FRAMES)))
    except BaseException as problem:  # noqa: BLE001 - an exception class may break any attribute that the formatter reads
        clean.hold_back(problem)
        return f"<no stack: {clean.class_name(problem)}>"
