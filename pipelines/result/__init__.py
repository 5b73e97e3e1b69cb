"""What the steps of each pipeline report, and the stats of a run that are made of it: one module a pipeline."""

from pipelines.result.records import ErrorRecord, Failures, Result, failures_json
from pipelines.result.stats import Clock, Stats, utc_now

__all__ = ["Clock", "ErrorRecord", "Failures", "Result", "Stats", "failures_json", "utc_now"]
