"""The ways to set tracking up, and what comes of each: the README's table is printed from here, and tested against here."""

import sys
from dataclasses import dataclass, field
from enum import StrEnum


class Shown(StrEnum):
    """When a run appears on the dashboard."""

    AT_ONCE = "at once"
    IN_BATCHES = "with its first step that is exported"
    NEVER = "never"


ALREADY = (
    "a TracerProvider exists already: the dashboard was added to it, but its sampler and its span limits stay as they are "
    "(unsampled runs are not seen, and more than OTEL_SPAN_EVENT_COUNT_LIMIT item errors a step are not kept)"
)
TURNED_DOWN = (
    "runs of 'people' leave no trace, this one or others: the sampler of the TracerProvider turned one down "
    "(see OTEL_TRACES_SAMPLER and TRACEPARENT; a provider that configure() makes shows them all the same)"
)
NO_PROCESSOR = "the TracerProvider Wrapper takes no span processor: runs are not recorded (call configure() before it is set)"
INSIDE = "configure() was called inside a run, which is not recorded: call it first thing in main"
UNSCRUBBED = (
    "OTEL_SQLITE_PRIVACY does not reach the OTLP exporter of a TracerProvider that exists already: spans that it exports "
    "leave as they are: wrap its exporter in otel_sqlite.privacy.PrivateSpanExporter, or let configure() make the provider "
    "(OTEL_SQLITE_PRIVACY=off: they may)"
)
OVERRIDING = "Overriding of current TracerProvider is not allowed"
IGNORING = "OTEL_CONFIG_FILE is set; ignoring configurator kwargs: ['auto_instrumentation_version']"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One way to set tracking up.

    Attributes:
        name: As in the README.
        before: What the program does before its first run.
        inside: What it does in the first step of its first run.
        command: What starts Python.
        environment: What is set, beside the endpoint of a collector where that is what exports.
        file: The configuration file; {sampler} stands for the sampler.
        shown: When a run appears.
        keeps_all: Whether every item error of a step is kept; else as many as the provider's limit allows.
        is_hidden: Whether a sampler that turns a run down, or a calling trace that is not sampled, hides it.
        says: The lines on stderr.
        says_of_sampler: Those that a sampler that turns everything down adds.
    """

    name: str
    before: str = ""
    inside: str = "pass"
    command: tuple[str, ...] = (sys.executable,)
    environment: dict[str, str] = field(default_factory=dict)
    file: str = ""
    shown: Shown = Shown.AT_ONCE
    keeps_all: bool = False
    is_hidden: bool = True
    says: tuple[str, ...] = ()
    says_of_sampler: tuple[str, ...] = (TURNED_DOWN,)

    @property
    def row(self) -> str:
        """The row of the README's table."""
        if self.shown is Shown.NEVER:
            cells = ["never", "", ""]
        else:
            hidden = f"hides it {_marks(self.says_of_sampler)}" if self.is_hidden else "does not hide it"
            cells = [self.shown, "all" if self.keeps_all else "128 a step", hidden]
        return f"| {' | '.join([self.name, *cells, _marks(self.says)])} |".replace("  ", " ")


MARKS = {
    ALREADY: "(1)",
    NO_PROCESSOR: "(2)",
    INSIDE: "(3)",
    OVERRIDING: "(4)",
    IGNORING: "(5)",
    TURNED_DOWN: "(6)",
    UNSCRUBBED: "(7)",
}


def _marks(lines: tuple[str, ...]) -> str:
    return " ".join(MARKS[line] for line in lines)


_CONFIGURE = "from otel_sqlite import configure\nconfigure()\n"
_PROVIDER = "from opentelemetry.sdk.trace import TracerProvider\nprovider = TracerProvider()\n"
_SET = "trace.set_tracer_provider(provider)\n"
_WRAPPER = """
class Wrapper(trace.TracerProvider):
    def get_tracer(self, *arguments, **options):
        return provider.get_tracer(*arguments, **options)
"""
_TAKING = "    add_span_processor = provider.add_span_processor\n    force_flush = provider.force_flush\n"
_SET_WRAPPER = "trace.set_tracer_provider(Wrapper())\n"
_INSTRUMENTOR = "from otel_sqlite.auto import SQLiteInstrumentor\nSQLiteInstrumentor().instrument()\n"
_LIVE = "from otel_sqlite.processor import DashboardSpanProcessor\nprovider.add_span_processor(DashboardSpanProcessor())\n"
_BATCH = """
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_sqlite.exporter import SQLiteSpanExporter
provider.add_span_processor(BatchSpanProcessor(SQLiteSpanExporter()))
"""
_INITIALIZE = "from opentelemetry.instrumentation.auto_instrumentation import initialize\ninitialize()\n"
_CONFIGURATOR = "from opentelemetry.distro import OpenTelemetryConfigurator\nOpenTelemetryConfigurator().configure()\n"
_READ_FILE = """
from opentelemetry.configuration import configure_sdk, load_config_file
configure_sdk(load_config_file("otel.yaml"))
"""

_AUTO = ("opentelemetry-instrument", "python")
_NO_OTHERS = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
_NONE = {"OTEL_TRACES_EXPORTER": "none", **_NO_OTHERS}
_OTLP = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **_NO_OTHERS}
_SQLITE = {"OTEL_TRACES_EXPORTER": "sqlite", **_NO_OTHERS}

_SAMPLED = 'file_format: "1.1"\ntracer_provider:\n  sampler: {{{sampler}: }}\n  processors:'
_EXPORTER_IN_FILE = _SAMPLED + "\n    - batch: {{exporter: {{sqlite: {{path: data/dashboard.sqlite}}}}}}\n"
_BOTH_IN_FILE = _EXPORTER_IN_FILE + "instrumentation/development: {{python: {{sqlite: {{path: data/dashboard.sqlite}}}}}}\n"

SETUPS = (
    Setup(name="`configure()`", before=_CONFIGURE, keeps_all=True, is_hidden=False),
    Setup(
        name="`configure()`, then another provider is set",
        before=_CONFIGURE + _PROVIDER + _SET,
        keeps_all=True,
        is_hidden=False,
        says=(OVERRIDING,),
    ),
    Setup(name="a provider is set, then `configure()`", before=_PROVIDER + _SET + _CONFIGURE, says=(ALREADY,)),
    Setup(
        name="a wrapper around a provider that has `add_span_processor`, then `configure()`",
        before=_PROVIDER + _WRAPPER + _TAKING + _SET_WRAPPER + _CONFIGURE,
        says=(ALREADY,),
    ),
    Setup(
        name="a wrapper that has not, then `configure()`",
        before=_PROVIDER + _WRAPPER + _SET_WRAPPER + _CONFIGURE,
        shown=Shown.NEVER,
        says=(NO_PROCESSOR,),
    ),
    Setup(
        name="`configure()` inside a run, for this run",
        inside="configure()",
        shown=Shown.NEVER,
        says=(INSIDE,),
        says_of_sampler=(),
    ),
    Setup(name="a provider of your own with `DashboardSpanProcessor()`", before=_PROVIDER + _LIVE + _SET),
    Setup(
        name="a provider of your own with `BatchSpanProcessor(SQLiteSpanExporter())`",
        before=_PROVIDER + _BATCH + _SET,
        shown=Shown.IN_BATCHES,
    ),
    Setup(
        name="`OTEL_TRACES_EXPORTER=sqlite`, `OpenTelemetryConfigurator().configure()`",
        before=_CONFIGURATOR,
        environment=_SQLITE,
        shown=Shown.IN_BATCHES,
    ),
    Setup(
        name="`OTEL_TRACES_EXPORTER=sqlite opentelemetry-instrument`",
        command=_AUTO,
        environment=_SQLITE,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="the same with `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=sqlite`",
        command=_AUTO,
        environment={**_SQLITE, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "sqlite"},
        shown=Shown.IN_BATCHES,
    ),
    Setup(
        name="`OTEL_TRACES_EXPORTER=otlp opentelemetry-instrument`",
        command=_AUTO,
        environment=_OTLP,
        says=(UNSCRUBBED,),
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="the same around a program that calls `configure()`",
        command=_AUTO,
        environment=_OTLP,
        before=_CONFIGURE,
        says=(UNSCRUBBED,),
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="a provider is set, then `configure()`, with an OTLP endpoint",
        environment=_OTLP,
        before=_PROVIDER + _SET + _CONFIGURE,
        says=(UNSCRUBBED, ALREADY),
    ),
    Setup(
        name="`opentelemetry-instrument` with any other exporter or none",
        command=_AUTO,
        environment=_NONE,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="that around a program that calls `configure()`",
        command=_AUTO,
        environment=_NONE,
        before=_CONFIGURE,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="`initialize()` of auto-instrumentation in code",
        before=_INITIALIZE,
        environment=_NONE,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="`SQLiteInstrumentor().instrument()`, then a provider is set",
        before=_INSTRUMENTOR + _PROVIDER + _SET,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="a provider is set, then `SQLiteInstrumentor().instrument()`",
        before=_PROVIDER + _SET + _INSTRUMENTOR,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="a configuration file with the exporter `sqlite`",
        before=_READ_FILE,
        file=_EXPORTER_IN_FILE,
        shown=Shown.IN_BATCHES,
    ),
    Setup(
        name="a configuration file with the exporter and the instrumentation `sqlite`",
        before=_READ_FILE,
        file=_BOTH_IN_FILE,
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="`OTEL_CONFIG_FILE=... opentelemetry-instrument`, the exporter in the file",
        command=_AUTO,
        environment={"OTEL_CONFIG_FILE": "otel.yaml"},
        file=_EXPORTER_IN_FILE,
        says=(IGNORING,),
        says_of_sampler=(ALREADY, TURNED_DOWN),
    ),
    Setup(
        name="`OTEL_SDK_DISABLED=true`",
        before=_CONFIGURE,
        environment={"OTEL_SDK_DISABLED": "true"},
        shown=Shown.NEVER,
    ),
)


def table() -> str:
    """The table of the README, with the lines below it."""
    head = [
        "| set-up | a run is visible | item errors kept | a sampler that turns it down | it says |",
        "|---|---|---|---|---|",
    ]
    lines = [f"{mark} {line}" for line, mark in MARKS.items()]
    return "\n".join([*head, *(setup.row for setup in SETUPS), "", "```", *lines, "```"])


if __name__ == "__main__":
    print(table())  # noqa: T201 - for who writes the README
