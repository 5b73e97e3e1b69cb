"""The outcome rules, why a block ended, and the one form of a time."""

import asyncio
import concurrent.futures
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_sqlite.model import EndReason, Outcome, end_reason, run_outcome, step_outcome, timestamp


class Cancelled(asyncio.CancelledError):
    pass


class Homeless(Exception):  # noqa: N818 - any class may be raised
    __module__ = None


class Leave(SystemExit):
    pass


@pytest.mark.parametrize(
    ("exception", "reason"),
    [
        (None, EndReason.OK),
        (SystemExit(), EndReason.OK),
        (SystemExit(None), EndReason.OK),
        (SystemExit(0), EndReason.OK),
        (SystemExit(False), EndReason.OK),  # the interpreter takes it for 0
        (Leave(0), EndReason.OK),
        (SystemExit(1), EndReason.EXIT_CODE),
        (SystemExit(-1), EndReason.EXIT_CODE),
        (SystemExit("text"), EndReason.EXIT_CODE),
        (SystemExit(""), EndReason.EXIT_CODE),
        (SystemExit(0.0), EndReason.EXIT_CODE),
        (SystemExit(1, 2), EndReason.EXIT_CODE),
        (Leave("text"), EndReason.EXIT_CODE),
        (KeyboardInterrupt(), EndReason.SIGNAL),
        (GeneratorExit(), EndReason.CANCELLED),
        (asyncio.CancelledError(), EndReason.CANCELLED),
        (Cancelled(), EndReason.CANCELLED),
        (concurrent.futures.CancelledError(), EndReason.EXCEPTION),  # of a result that was asked for: the asker goes on
        (ValueError("x"), EndReason.EXCEPTION),
        (Homeless(), EndReason.EXCEPTION),
        (BaseException(), EndReason.EXCEPTION),
        (ExceptionGroup("group", [ValueError("x")]), EndReason.EXCEPTION),
        (BaseExceptionGroup("group", [KeyboardInterrupt()]), EndReason.EXCEPTION),
    ],
    ids=repr,
)
def test_an_exception_tells_why_a_block_ended(exception, reason):
    assert end_reason(exception) is reason


@pytest.mark.parametrize("skipped", [True, False])
@pytest.mark.parametrize("failed", [0, 1])
@pytest.mark.parametrize("reason", [reason for reason in EndReason if reason is not EndReason.OK])
def test_a_step_that_ended_badly_is_a_failure_whatever_it_counted(reason, failed, skipped):
    assert step_outcome(reason, skipped=skipped, failed=failed) is Outcome.FAILURE


@pytest.mark.parametrize(
    ("skipped", "failed", "outcome"),
    [
        (False, 0, Outcome.SUCCESS),
        (False, 1, Outcome.PARTIAL),
        (True, 0, Outcome.SKIPPED),
        (True, 1, Outcome.PARTIAL),
    ],
)
def test_a_step_that_went_through_is_judged_by_its_items(skipped, failed, outcome):
    assert step_outcome(EndReason.OK, skipped=skipped, failed=failed) is outcome


OUTCOMES = st.lists(st.sampled_from([Outcome.SUCCESS, Outcome.PARTIAL, Outcome.FAILURE, Outcome.SKIPPED]))


@given(OUTCOMES, st.sampled_from([reason for reason in EndReason if reason is not EndReason.OK]))
def test_a_run_that_ended_badly_is_a_failure_whatever_its_steps(steps, reason):
    assert run_outcome(reason, steps) is Outcome.FAILURE


@given(OUTCOMES)
def test_a_run_that_went_through_is_partial_exactly_when_a_step_failed_or_is_partial(steps):
    is_partial = not {Outcome.FAILURE, Outcome.PARTIAL}.isdisjoint(steps)
    assert run_outcome(EndReason.OK, steps) is (Outcome.PARTIAL if is_partial else Outcome.SUCCESS)


def test_a_time_has_one_form():
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_700_000_000_123_999_999) == "2023-11-14T22:13:20.123Z"


@pytest.mark.parametrize(
    ("time_ns", "form"),
    [(-1, "1970-01-01T00:00:00.000Z"), (2**63 - 1, "2262-04-11T23:47:16.854Z"), (2**70, "9999-12-31T23:59:59.999Z")],
)
def test_a_time_out_of_range_is_the_nearest_that_has_the_form(time_ns, form):
    assert timestamp(time_ns) == form


TIMES = st.integers(0, 253_402_300_799_999_999_999)


@given(TIMES)
def test_a_time_is_cut_to_milliseconds_in_utc(time_ns):
    parsed = datetime.fromisoformat(timestamp(time_ns))
    assert parsed.tzinfo is UTC
    assert round(parsed.timestamp() * 1_000) == time_ns // 1_000_000


@given(TIMES, TIMES)
def test_times_compare_as_texts(one, other):
    assert (timestamp(one) < timestamp(other)) == (one // 1_000_000 < other // 1_000_000)


class _LiarError(Exception):
    @property
    def __class__(self):
        raise RuntimeError("not my class")


class _SecretiveError(Exception):
    def __getattribute__(self, name):
        raise RuntimeError(name)


class _UndecidedExit(SystemExit):
    @property
    def code(self):
        raise RuntimeError("no code")


class _EvilInt(int):
    def __eq__(self, other):
        raise RuntimeError("not comparable")

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_LiarError, EndReason.EXCEPTION),
        (_SecretiveError, EndReason.EXCEPTION),
        (_UndecidedExit, EndReason.EXIT_CODE),
        (lambda: SystemExit(_EvilInt(0)), EndReason.OK),
        (lambda: SystemExit(_EvilInt(3)), EndReason.EXIT_CODE),
        (lambda: SystemExit(False), EndReason.OK),
    ],
    ids=["lies about its class", "has no attributes", "has no code", "evil zero", "evil three", "false"],
)
def test_an_exception_that_breaks_what_is_asked_of_it_has_a_reason_all_the_same(make, reason):
    assert end_reason(make()) is reason
