"""Uses of the public API as a type checker must see them; checked by mypy --strict, and run as well."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_type

from otel_sqlite import ItemError, Outcome, Run, Step, configure, run
from otel_sqlite.testing import RecordedRun, recorded


@dataclass
class Submitted:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[ItemError] = field(default_factory=list)


@dataclass(frozen=True)
class Downloaded:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: int = 0


def configured(path: Path) -> None:
    configure()
    configure(path)
    configure(path=str(path))
    configure(7)  # type: ignore[arg-type]


def pipeline() -> Outcome:
    with run("people") as r:
        assert_type(r, Run)
        with r.step("download") as step:
            assert_type(step, Step)
            assert_type(step.record(Downloaded(errors=2)), Downloaded)
        with r.step("submit") as step:
            assert_type(step.record(Submitted(errors=[ItemError("A", "refused")])), Submitted)
            submitted = step.record(Submitted())
            submitted.created += 1
            submitted.errors.append(ItemError("B", "refused"))
            step.count(created=1, failed=1)
            step.item_error(ItemError("A", "refused", stack="Traceback"))
            step.item_error(ValueError("refused"), item_id="A")
            step.detail({"pages": 3})
            step.skip("nothing pending")
        r.summarize({"total": 1})
    return assert_type(r.outcome, Outcome)


def a_result_needs_its_counts(r: Run) -> None:
    with suppress(TypeError), r, r.step("submit") as step:
        step.record("text")  # type: ignore[type-var]
        step.count(made=1)  # type: ignore[call-arg]


def an_exception_is_not_swallowed(r: Run) -> int:
    # A type checker that took a block for one that may swallow an exception would miss a return here.
    with r, r.step("download"):
        return 1


def what_a_test_sees() -> list[RecordedRun]:
    with recorded() as runs:
        pipeline()
    return assert_type(runs, list[RecordedRun])


if __name__ == "__main__":
    assert [recorded_run.outcome for recorded_run in what_a_test_sees()] == [Outcome.PARTIAL]
    assert an_exception_is_not_swallowed(run("teams")) == 1
    a_result_needs_its_counts(run("functions"))
    configured(Path("dashboard.sqlite"))
    assert pipeline() is Outcome.PARTIAL
