"""SQLiteInstrumentor: the dashboard for programs that are set up from outside: opentelemetry-instrument, configuration files."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # it hides its types
from opentelemetry.instrumentation.utils import unwrap
from wrapt import wrap_function_wrapper

from otel_sqlite import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_T = TypeVar("_T")

# Others may have imported the first by its name before it was wrapped; get_tracer() looks the second up when it is called.
_TELLING: Final = ("set_tracer_provider", "get_tracer_provider")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a configuration file may say.

    Attributes:
        path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default.
    """

    path: str | None = None


class SQLiteInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # as above
    """Adds live rows to the global TracerProvider, the one that exists or the one that is set later; it never sets one itself."""

    configuration: ClassVar = Options

    def instrumentation_dependencies(self) -> "Collection[str]":
        """None: what it instruments is OpenTelemetry."""
        return ()

    def instrument(self, **options: object) -> None:
        """Join, once: a configuration file and opentelemetry-instrument may both ask for it, for which others are rebuked."""
        if not self.is_instrumented_by_opentelemetry:
            super().instrument(**options)

    def _instrument(self, **options: object) -> None:
        chosen = Options(**options)  # type: ignore[arg-type]  # whatever the file says: what is unknown is refused by name
        if not bootstrap.join(chosen.path):
            for name in _TELLING:
                wrap_function_wrapper(trace, name, partial(_call_and_join, chosen))

    def _uninstrument(self, **options: object) -> None:
        """Wait for no provider any more; one that was joined stays so, the SDK has no way to take a processor away."""
        del options
        _stop_waiting()


def _call_and_join(
    options: Options, told: "Callable[..., _T]", _: object, arguments: tuple[object, ...], named: "Mapping[str, object]"
) -> "_T":
    result = told(*arguments, **named)
    if bootstrap.join(options.path):
        _stop_waiting()
    return result


def _stop_waiting() -> None:
    for name in _TELLING:
        unwrap(trace, name)
