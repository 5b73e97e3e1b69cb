"""Whatever a value is: no error, and something that SQLite and JSON can hold."""

import dataclasses
import datetime as dt
import decimal
import itertools
import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sqlite import clean


class BrokenText:
    def __init__(self, error):
        self.error = error

    def __str__(self):
        raise self.error

    __repr__ = __str__
    __int__ = __str__


class Liar:
    """Says that it is of another class."""

    def __init__(self, kind):
        self.kind = kind

    def __getattribute__(self, name):
        return object.__getattribute__(self, "kind" if name == "__class__" else name)


class Secretive:
    def __getattribute__(self, name):
        raise RuntimeError("none of your business")


class OddText(str):
    __slots__ = ()

    def isascii(self):
        raise RuntimeError("odd")

    encode = __len__ = __str__ = isascii


class OddNumber(int):
    def __abs__(self):
        return 0

    def __int__(self):
        return 2**80


class OddReal(float):
    def __float__(self):
        return math.nan


class Array:
    """As numpy's arrays and scalars."""

    def __init__(self, value):
        self._value = value

    def tolist(self):
        return self._value

    def __int__(self):
        return int(self._value)


class EndlessArray:
    def tolist(self):
        return self


class RaisingMapping(Mapping):
    def __getitem__(self, key):
        raise SystemExit(3)

    __iter__ = __len__ = __getitem__


class EndlessMapping(Mapping):
    def __getitem__(self, key):
        return key

    def __iter__(self):
        return itertools.count()

    def __len__(self):
        return 1


@dataclasses.dataclass
class Counts:
    created: int
    nested: object = None


def cyclic():
    mapping = {}
    mapping["self"] = [mapping]
    return mapping


def deep():
    mapping = {}
    for _ in range(10_000):
        mapping = {"in": mapping}
    return mapping


HOSTILE = {
    "broken __str__": BrokenText(RuntimeError("no")),
    "__str__ that exits": BrokenText(SystemExit(3)),
    "__str__ with an end of its own": BrokenText(BaseException("odd")),
    "claims to be a str": Liar(str),
    "claims to be an int": Liar(int),
    "claims to be a float": Liar(float),
    "claims to be a bool": Liar(bool),
    "claims to be a dict": Liar(dict),
    "odd str": OddText("text\0\ud800"),
    "odd int": OddNumber(2**70),
    "odd float": OddReal(1.5),
    "surrogates": "lone \ud800 pair \ud83d\ude00 lone \udc00",
    "NUL": "a\0b",
    "byte order mark": "\ufefftext",
    "not a number": math.nan,
    "infinite": -math.inf,
    "large int": 2**70,
    "int too long to print": 10**5000,
    "10 MB": "é" * 10_000_000,
    "10 MB of bytes": bytes(10_000_000),
    "cyclic": cyclic(),
    "deep": deep(),
    "array": Array([1, 2, [math.nan]]),
    "scalar": Array(7),
    "endless array": EndlessArray(),
    "raising mapping": RaisingMapping(),
    "endless mapping": EndlessMapping(),
    "decimal": decimal.Decimal("sNaN"),
    "datetime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "bytes": b"\xff\x00",
    "set": {1, "\ud800"},
    "odd keys": {None: 1, 2: 3, ("\0",): 4, "\ud800": 5, "k" * 10_000: 6},
    "dataclass": Counts(1, Counts(2**70, BrokenText(SystemExit(0)))),
    "hides its class": Secretive(),
    "class": Counts,
    "generator": (number for number in range(3)),
    "many": list(range(200_000)),
}

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(list(HOSTILE)[:12]).map(lambda name: HOSTILE[name]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


def assert_storable(text, limit):
    assert type(text) is str
    assert len(text) <= limit
    assert "\0" not in text
    assert text.encode("utf-8").decode() == text


def assert_valid_json(text, limit):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert_storable(text, limit)
    return json.loads(text, parse_constant=refuse)


def assert_clean_text(value):
    text = clean.text(value)
    assert_storable(text, clean.MESSAGE_LIMIT)
    assert clean.text(text) == text


def assert_clean_stack(value):
    stack = clean.stack(value)
    assert_storable(stack, clean.STACK_LIMIT)
    assert clean.stack(stack) == stack


def assert_clean_count(value):
    count = clean.count(value)
    assert type(count) is int
    assert 0 <= count <= clean.MAX_COUNT
    assert clean.count(count) == count


def assert_clean_json(value):
    for limit in (clean.DETAIL_LIMIT, clean.SUMMARY_LIMIT):
        text = clean.json_text(value, limit)
        parsed = assert_valid_json(text, limit)
        assert_valid_json(clean.json_text(parsed, limit), limit)


checks = pytest.mark.parametrize("check", [assert_clean_text, assert_clean_stack, assert_clean_count, assert_clean_json])


@checks
@pytest.mark.parametrize("name", HOSTILE)  # not the values: pytest itself trips over some of them
def test_hostile_values_become_storable(name, check):
    check(HOSTILE[name])


@checks
@given(value=ANYTHING)
def test_any_value_becomes_storable(check, value):
    check(value)


@given(ANYTHING)
def test_json_cleaned_twice_is_json_cleaned_once(value):
    text = clean.json_text(value, clean.DETAIL_LIMIT)
    assert clean.json_text(json.loads(text), clean.DETAIL_LIMIT) == text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=clean.MESSAGE_LIMIT))
def test_a_text_that_can_be_stored_is_not_changed(text):
    assert (clean.text(text), clean.stack(text)) == (text, text)


@given(st.integers(0, clean.MAX_COUNT))
def test_a_count_that_fits_is_not_changed(number):
    assert clean.count(number) == number


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, 1), (2.9, 2), (-1, 0), ("5", 0), (b"6", 0), (None, 0), (2**70, clean.MAX_COUNT), (math.nan, 0), (Array(7), 7)],
)
def test_a_count_is_a_number_from_zero_to_the_largest_that_sums_up_safely(value, expected):
    assert clean.count(value) == expected


def test_a_long_message_keeps_its_start_and_tells_its_length():
    text = clean.text("x" * 5_000)
    assert text == "x" * (2_000 - len("… [5000 characters]")) + "… [5000 characters]"


def test_a_long_stack_keeps_its_end():
    assert clean.stack("frame\n" * 1_000 + "ValueError: the cause").endswith("frame\nValueError: the cause")


def test_a_surrogate_pair_is_joined_and_a_lone_one_replaced():
    assert clean.text("\ud83d\ude00 \ud800") == "\U0001f600 \ufffd"


def test_json_keeps_plain_values_and_shows_the_others_as_text():
    value = {1: [True, None, 2**53, 2**53 - 1, 0.5, math.inf, "é"], "at": Array([1, 2]), "counts": Counts(3)}
    assert json.loads(clean.json_text(value, clean.DETAIL_LIMIT)) == {
        "1": [True, None, str(2**53), 2**53 - 1, 0.5, "inf", "é"],
        "at": [1, 2],
        "counts": {"created": 3, "nested": None},
    }


def test_a_number_of_an_odd_class_is_the_number_that_it_holds():
    assert clean.json_text([OddNumber(5), OddReal(1.5)], clean.DETAIL_LIMIT) == "[5,1.5]"


def test_what_json_leaves_out_is_marked():
    nested = json.loads(clean.json_text(deep(), clean.DETAIL_LIMIT))
    depth = 0
    while isinstance(nested, dict):
        nested, depth = nested["in"], depth + 1
    assert (depth, nested) == (21, "…")
    assert json.loads(clean.json_text(EndlessMapping(), clean.SUMMARY_LIMIT))["…"] == "…"
    assert json.loads(clean.json_text("é" * 300_000, clean.DETAIL_LIMIT))["truncated_characters"] == clean.DETAIL_LIMIT + 2


def test_ctrl_c_while_a_value_is_shown_is_not_held_back():
    with pytest.raises(KeyboardInterrupt):
        clean.text(BrokenText(KeyboardInterrupt()))
