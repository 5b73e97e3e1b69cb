"""Bodies and their limits; what they mean is tested over HTTP."""

import gzip
import tracemalloc

import pytest

from otel_sqlite.receiver.wire import TooLargeError, inflate

MIB = 1024 * 1024


def test_a_gzip_bomb_is_never_in_memory():
    bomb = gzip.compress(b"\0" * (64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            inflate(bomb, MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_what_is_not_larger_than_the_limit_is_taken(size):
    assert inflate(gzip.compress(b"x" * size), 10) == b"x" * size


def test_what_is_one_byte_larger_than_the_limit_is_refused():
    with pytest.raises(TooLargeError):
        inflate(gzip.compress(b"x" * 11), 10)
