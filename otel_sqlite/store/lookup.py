"""Asks for many rows as one: sqlite3 hands over the GIL for each statement, each row, and each value of a row."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def look_up(connection: "sqlite3.Connection", query: str, wanted: "Sequence[object]") -> list[list[Any]]:
    """The rows that a query finds.

    Args:
        connection: Where to ask.
        query: It selects ``json_group_array(json_array(...))``; its one parameter is ``wanted`` as a JSON array.
        wanted: What JSON can hold.
    """
    ((rows,),) = connection.execute(query, (json.dumps(wanted),))
    found: list[list[Any]] = json.loads(rows)
    return found
