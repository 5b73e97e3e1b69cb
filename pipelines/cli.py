"""What the commands of all pipelines share: flags, settings, lock, log, progress and exit code."""

import fcntl
import inspect
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO

from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator

import otel_sqlite
from otel_sqlite.settings import has_collector
from pipelines.errors import AlreadyRunningError, MissingExtraError, SettingsError, SyncError

try:
    import click
    import stamina.instrumentation
except ModuleNotFoundError as _error:  # this module makes programs: whoever imports it wants to run one
    if (_error.name or "").partition(".")[0] not in {"click", "stamina"}:
        raise
    sys.stderr.write(f"[ERROR] {MissingExtraError('a pipeline', 'pipelines')}\n")
    sys.exit(2)

from pipelines.flow import log_text
from pipelines.settings import Settings, System, load_env_file
from pipelines.systems import Progress, Systems

logger = logging.getLogger(__name__)

SANDBOX_DIR = Path("data/sandbox")
SANDBOX_STATE_DIR = SANDBOX_DIR / "state"
CLUB_SIZE = 1069

EXIT_FINE = 0
EXIT_FAILED = 1
EXIT_NOT_STARTED = 2
EXIT_INTERRUPTED = 130

_EXIT_CODES = "Exit code: 0 all went well, 1 something failed (see the summary), 2 it could not start, 130 interrupted."
_LOGGED = ("pipelines", "otel_sqlite")
_PREFIXES = {logging.DEBUG: "[verbose] ", logging.WARNING: "[WARNING] ", logging.ERROR: "[ERROR] "}


class Finished(Protocol):
    """What a pipeline gives back when it came to its end."""

    @property
    def success(self) -> bool:
        """Nothing failed, not even one item."""

    @property
    def summary(self) -> str:
        """What the operator is shown; may name members."""


Pipeline = Callable[..., Finished]
"""A run of a pipeline: takes the systems, `force` (sends what was sent before as well), and by name what its own options say."""

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
"""An option of one pipeline, as `option` makes it."""

option = click.option  # so that a pipeline need not know what reads its options


def number_or(usual: int) -> Callable[[str], int]:
    """Make the type of an option: a whole number of 1 or more; for anything else `usual` is taken, and a line says so."""

    def number(given: str) -> int:
        with suppress(ValueError):
            if int(given) > 0:
                return int(given)
        _say(f"[WARNING] {given} is not a whole number of 1 or more: {usual} is taken", sys.stderr)
        return usual

    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flags:
    verbose: bool
    browser: bool
    sandbox: bool
    members: int | None
    """Size of a new sandbox club; None for the one that is there, or the usual size."""


def command(
    name: str, pipeline: Pipeline, *, systems: Sequence[System], options: Sequence[Option] = (), also_locks: Sequence[str] = ()
) -> click.Command:
    """Make the command `sync-<name>` of a pipeline.

    Args:
        name: The pipeline's name.
        pipeline: What to run; its docstring is the command's help.
        systems: What the pipeline needs the settings of.
        options: What this pipeline alone can be told; it gets the values by their names.
        also_locks: The pipelines whose work this one does too: neither starts while the other runs.
    """

    @click.command(
        f"sync-{name}",
        help=inspect.getdoc(pipeline),
        epilog=_EXIT_CODES,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    @click.option("--verbose", is_flag=True, help="Show and log in detail what is done; may name members.")
    @click.option("--force", is_flag=True, help="Send everything, also what has not changed since it was sent.")
    @click.option("--sandbox", is_flag=True, help="Work on a made-up club on this machine; needs no settings.")
    @click.option(
        "--members", type=click.IntRange(min=1), default=None, help=f"Size of a new sandbox club.  [default: {CLUB_SIZE}]"
    )
    @click.option(
        "--browser/--no-browser",
        default=None,
        help="Open pages in Chromium, or do without; the real systems need it, the sandbox does not.",
    )
    @click.pass_context
    def sync(
        context: click.Context, /, *, verbose: bool, sandbox: bool, members: int | None, browser: bool | None, **given: Any
    ) -> None:
        if members is not None and not sandbox:
            raise click.UsageError("--members goes with --sandbox")
        is_driven = browser if browser is not None else not sandbox
        flags = _Flags(verbose=verbose, browser=is_driven, sandbox=sandbox, members=members)
        context.exit(_guarded(lambda: _sync((name, *also_locks), partial(pipeline, **given), systems, flags)))

    for option in options:
        option(sync)
    return sync


def _guarded(work: Callable[[], int]) -> int:
    """The exit code of a command, whatever becomes of it; what cannot start says why in one line."""
    try:
        return work()
    except KeyboardInterrupt:
        _say("[ERROR] interrupted", sys.stderr)
        return EXIT_INTERRUPTED
    except (SyncError, OSError) as error:
        _say(f"[ERROR] {error}", sys.stderr)
        return EXIT_NOT_STARTED


def _sync(names: Sequence[str], pipeline: Pipeline, needed: Sequence[System], flags: _Flags) -> int:
    name = names[0]
    settings = _read_settings(name, () if flags.sandbox else needed, sandbox=flags.sandbox)
    stamina.instrumentation.set_on_retry_hooks([])  # the clients say what they repeat, and never with its arguments
    with ExitStack() as opened:
        log_file = opened.enter_context(_log_file(settings.log_dir, name, verbose=flags.verbose))
        otel_sqlite.configure()
        _trace_requests()
        try:
            opened.enter_context(_only_run(names, settings.state_dir))
        except AlreadyRunningError as error:
            exit_code = _refuse(name, error)
        else:
            settings = opened.enter_context(_sandbox(flags.members)) if flags.sandbox else settings
            exit_code = _run(name, pipeline, settings, browser=flags.browser)
        _say(f"Log file: {log_file}", sys.stdout)
    return exit_code


def _read_settings(name: str, needed: Sequence[System], *, sandbox: bool) -> Settings:
    """Where they will not do, leave a run that says so: nobody reads what a timer prints."""
    try:
        load_env_file()
        settings = Settings.from_env({"SYNC_STATE_DIR": str(SANDBOX_STATE_DIR)}) if sandbox else Settings.from_env()
        settings.require(*needed)
    except SettingsError:
        otel_sqlite.configure()
        with otel_sqlite.run(name):
            raise
    return settings


def _trace_requests() -> None:
    """Make each request a span below its step, for the collector: the dashboard does not show them."""
    if not has_collector():
        return
    try:
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415  an extra
    except ImportError:
        return
    instrumentor = HTTPXClientInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()
        propagate.set_global_textmap(CompositePropagator([]))  # the systems are others': their requests are as without a trace


def _refuse(name: str, error: AlreadyRunningError) -> int:
    """Leave a run that failed: one with nothing but a skipped step would pass for a success, and nothing was synced."""
    logger.error("%s", error)
    with suppress(AlreadyRunningError), otel_sqlite.run(name):
        raise error
    return EXIT_FAILED


def _run(name: str, pipeline: Pipeline, settings: Settings, *, browser: bool) -> int:
    logger.info("sync-%s: started", name)
    with _live_lines() as progress, Systems.open(settings, browser=browser, progress=progress) as systems:
        try:
            finished = pipeline(systems)
        except Exception as error:  # the main: the run has noted its failure, the operator gets a line
            logger.error("sync-%s: %s", name, log_text(error))  # noqa: TRY400  the dashboard keeps the stack
            logger.debug("sync-%s failed", name, exc_info=True)
            return EXIT_FAILED
        except KeyboardInterrupt:
            logger.error("sync-%s: interrupted", name)  # noqa: TRY400  as above
            return EXIT_INTERRUPTED
    logger.info("sync-%s: %s", name, "success" if finished.success else "finished with failures")
    _say(finished.summary, sys.stdout)
    return EXIT_FINE if finished.success else EXIT_FAILED


@contextmanager
def _sandbox(members: int | None) -> Iterator[Settings]:
    """The settings of a club in this very process, which lives as long as the block."""
    try:
        from pipelines.sandbox import Faults, running  # noqa: PLC0415  an extra that nothing else needs
    except ImportError as error:
        raise MissingExtraError("--sandbox", "sandbox") from error
    _say(f"Starting the sandbox club in {SANDBOX_DIR}", sys.stdout)
    with running(SANDBOX_DIR, members=members, faults=Faults.demo()) as sandbox:
        yield Settings.from_env(sandbox.environment)


@contextmanager
def _only_run(names: Sequence[str], state_dir: Path) -> Iterator[None]:
    """Run the first of these pipelines, and keep each from starting meanwhile: both would create the same persons."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        for name in names:
            held.enter_context(_lock(state_dir / f"{name}.lock", name, holder=names[0]))
        yield


@contextmanager
def _lock(path: Path, name: str, *, holder: str) -> Iterator[None]:
    """Hold the lock of a pipeline; the file says who does, as that may be another pipeline."""
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunningError(f"sync-{lock.read() or name} is already running (it holds {path})") from None
        lock.truncate(0)
        lock.write(holder)
        lock.flush()
        yield


# ------------------------------------------------------------------------------------------------ what the operator sees


class _Line(logging.Formatter):
    """A record as the operator reads it; with the time of it in the log file."""

    def __init__(self, *, timed: bool) -> None:
        super().__init__()
        self._timed = timed

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        return f"{f'[{time}Z] ' if self._timed else ''}{_PREFIXES.get(record.levelno, '')}{super().format(record)}"


class _Terminal(logging.Handler):
    """Prints lines: what went wrong on stderr, all else on stdout."""

    def emit(self, record: logging.LogRecord) -> None:
        # Looked up each time: a live display puts itself between.
        _say(self.format(record), sys.stderr if record.levelno >= logging.WARNING else sys.stdout)


def _say(text: str, stream: TextIO | None) -> None:
    """Print, whatever the text and the terminal; a run goes on when nobody reads it any more (`sync-people | head`)."""
    if stream is None:  # closed before the start (`>&-`)
        return
    encoding = stream.encoding or "utf-8"  # a live display has none
    try:
        stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or the interpreter stumbles over it at exit


@contextmanager
def _log_file(directory: Path, name: str, *, verbose: bool) -> Iterator[Path]:
    """Log to today's file of this pipeline and to the terminal."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = "sync" if name == "all" else f"sync-{name}"
    path = directory / f"{stem}-{datetime.now(UTC):%Y-%m-%d}.log"
    path.touch(mode=0o600)
    handlers = [_Terminal(), logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")]
    handlers[0].setFormatter(_Line(timed=False))
    handlers[1].setFormatter(_Line(timed=True))
    with ExitStack() as attached:
        for logged in map(logging.getLogger, _LOGGED):
            for handler in handlers:
                logged.addHandler(handler)
                attached.callback(logged.removeHandler, handler)
        logging.getLogger("pipelines").setLevel(logging.DEBUG if verbose else logging.INFO)
        attached.callback(handlers[1].close)
        yield path


@contextmanager
def _live_lines() -> Iterator[Progress]:
    """A line for each step that moves with it, where stdout is a terminal."""
    if not sys.stdout or not sys.stdout.isatty():
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  slow to import
    from rich.progress import Progress as Lines  # noqa: PLC0415  as above

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Lines(*columns) as lines:
        lines.console.show_cursor()  # a process that is killed could not bring it back
        tasks = {}

        def show(doing: str, done: int, total: int) -> None:
            if doing not in tasks:
                tasks[doing] = lines.add_task(doing, total=total)
            lines.update(tasks[doing], completed=done, total=total)

        yield show
