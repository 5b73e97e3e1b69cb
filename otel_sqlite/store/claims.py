"""Whose a run id is: the first run that came with it. What names it in another trace and pipeline is a stranger, turned away."""

from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite.model import RunRecord
from otel_sqlite.store.lookup import look_up

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from otel_sqlite.model import StepRecord

RUN_ID_TAKEN: Final = "run_id_taken"

_Span = tuple[str, str]

_CLAIMS: Final = """
SELECT json_group_array(json_array(run_uid, trace_id, span_id, pipeline)) FROM runs
WHERE span_id IS NOT NULL AND run_uid IN (SELECT value FROM json_each(?))
"""


class Claim(NamedTuple):
    """The run that has an id."""

    trace_id: str
    span_id: str
    pipeline: str

    def is_strange(self, record: "RunRecord | StepRecord") -> bool:
        """Whether a record that names the id cannot be of this run.

        A step in another process may well have another trace, and a run that is tried again has; the pipeline stays the same.
        """
        return record.trace_id != self.trace_id and record.pipeline not in {None, self.pipeline}

    def is_of(self, record: "RunRecord") -> bool:
        """Whether a record is that run's own."""
        return (record.trace_id, record.span_id) == (self.trace_id, self.span_id)


def claims(connection: "sqlite3.Connection", records: "Iterable[RunRecord | StepRecord]") -> dict[str, Claim]:
    """The runs that have the ids which these records name: those with a row, else the first of the records."""
    records = list(records)
    wanted = sorted({record.run_uid for record in records if record.run_uid is not None})
    held = {uid: Claim(*claim) for uid, *claim in look_up(connection, _CLAIMS, wanted)}
    for record in records:
        if isinstance(record, RunRecord):
            held.setdefault(record.run_uid, Claim(record.trace_id, record.span_id, record.pipeline))
    return held


def strangers(spans: "Mapping[_Span, RunRecord | StepRecord]", held: "Mapping[str, Claim]") -> set[_Span]:
    """The spans that name a run id which another run has."""
    return {
        span
        for span, record in spans.items()
        if record.run_uid is not None and (claim := held.get(record.run_uid)) is not None and claim.is_strange(record)
    }
