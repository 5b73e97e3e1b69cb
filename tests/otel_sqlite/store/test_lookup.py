"""Lookups that bring all rows as one."""

import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.store.lookup import look_up

VALUES = [
    *(None, "", "null", "[1]", 'a "quoted" \\ name', "two\nlines\t\x01", "Zoë \U0001f600 \u2028"),
    *(0, -1, 2**53 + 1, 2**63 - 1, 1.5),
]


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, value)")
        connection.executemany("INSERT INTO things (value) VALUES (?)", [(value,) for value in VALUES])
        yield connection


def test_a_lookup_brings_the_values_of_all_rows_as_they_are(connection):
    query = "SELECT json_group_array(json_array(id, value)) FROM things WHERE id IN (SELECT value FROM json_each(?))"

    found = look_up(connection, query, list(range(1, 100)))

    assert found == [[number, value] for number, value in enumerate(VALUES, start=1)]
    assert look_up(connection, query, [1000]) == []


def test_a_lookup_tells_texts_from_numbers(connection):
    query = "SELECT json_group_array(json_array(value, typeof(value))) FROM json_each(?)"

    assert look_up(connection, query, ["1", 1, "1.5", 1.5]) == [["1", "text"], [1, "integer"], ["1.5", "text"], [1.5, "real"]]
