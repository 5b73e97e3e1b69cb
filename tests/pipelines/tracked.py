"""Running a pipeline and looking at what was tracked of it."""

from otel_sqlite.testing import recorded

STEPS_OF_ALL = [
    "sportlink-download",
    "laposta-prepare",
    "laposta-submit",
    "rondo-club-sync",
    "team-download",
    "team-sync",
    "work-history-sync",
    "functions-download",
    "commissie-sync",
    "commissie-work-history-sync",
    "photo-download",
    "photo-upload",
    "freescout-sync",
    "discipline-sync",
]


def track(pipeline, systems, **flags):
    """What a pipeline reports, and its one run."""
    with recorded() as runs:
        report = pipeline(systems, **flags)
    [run] = runs
    return report, run


def counts(run):
    return [(one.name, one.outcome.value, one.created, one.updated, one.skipped, one.failed) for one in run.steps]
