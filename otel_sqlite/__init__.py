"""OpenTelemetry bridge for scheduled pipelines: every run and step in one SQLite file, live and truthful.

Names are loaded when they are first asked for: a pipeline loads the OpenTelemetry API, ``configure``, when it is called, the SDK,
and the command line neither.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_sqlite.bootstrap import configure
    from otel_sqlite.instrument import Run, Step, run
    from otel_sqlite.model import ItemError, Outcome

__all__ = ["ItemError", "Outcome", "Run", "Step", "configure", "run"]

_HOMES = {
    "ItemError": "model",
    "Outcome": "model",
    "Run": "instrument",
    "Step": "instrument",
    "configure": "bootstrap",
    "run": "instrument",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
