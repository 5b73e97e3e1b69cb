"""OpenTelemetry bridge for scheduled pipelines: every run and step in one SQLite file, live and truthful.

``configure`` is loaded when it is first asked for: what a pipeline module imports from here needs the OpenTelemetry API alone.
"""

import importlib
from typing import TYPE_CHECKING

from otel_sqlite.instrument import Run, Step, run
from otel_sqlite.model import ItemError, Outcome

if TYPE_CHECKING:
    from otel_sqlite.provider import configure

__all__ = ["ItemError", "Outcome", "Run", "Step", "configure", "run"]


def __getattr__(name: str) -> object:
    if name == "configure":
        return importlib.import_module("otel_sqlite.provider").configure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
