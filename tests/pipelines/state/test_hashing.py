"""The hash that change detection rests on."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from pipelines.state.hashing import canonical_json, source_hash

_payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=3),
    max_leaves=10,
)


def test_the_canonical_text_has_sorted_keys_no_white_space_and_plain_letters():
    assert canonical_json({"b": [1, None, True], "a": {"é": "x y"}}) == '{"a":{"é":"x y"},"b":[1,null,true]}'


def test_the_hash_is_sha_256_over_the_canonical_text_in_utf_8():
    assert source_hash({"naam": "Zoë"}) == hashlib.sha256('{"naam":"Zoë"}'.encode()).hexdigest()


@given(st.dictionaries(st.text("abcdef", max_size=3), _payloads))
def test_the_order_of_keys_does_not_count(payload):
    assert source_hash(dict(reversed(payload.items()))) == source_hash(payload)


@given(_payloads)
def test_the_text_says_everything(payload):
    assert json.loads(canonical_json(payload)) == payload
