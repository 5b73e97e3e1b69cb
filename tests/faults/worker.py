"""A pipeline that notes what it has recorded: a line in a file of its own after each call has returned.

Run as a program. ``--pause`` makes it say "step" and wait for a line (or the end) of its input before it leaves each step,
``--pause-at-end`` say "end" and wait after its last run.
"""

import argparse
import itertools
import os
import signal
import sys
import threading
from pathlib import Path

from otel_sqlite import ItemError, Run, configure, run
from tests.faults.invariants import Fact, ItemFailed, RunEnded, RunStarted, StepEnded, to_line


class Acknowledgements:
    """What is acknowledged: one write each, so that a kill leaves whole lines."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *facts: Fact) -> None:
        os.write(self._descriptor, "".join(map(to_line, facts)).encode())


def record_step(r: Run, name: str, options: argparse.Namespace, acknowledgements: Acknowledgements) -> None:
    uid = r._run_id
    items = [f"{name}-{number}" for number in range(options.items)]
    with r.step(name) as step:
        for _ in range(options.counts):
            step.count(created=1)
        for item in items:
            step.item_error(ItemError(item, f"{item} is wrong"))
        if options.pause:
            pause("step")
        rest(options)
    outcome = "partial" if items else "success"
    acknowledgements.note(
        StepEnded(uid, name, outcome, options.counts, 0, 0, len(items)), *(ItemFailed(uid, name, item) for item in items)
    )


def record_run(options: argparse.Namespace, acknowledgements: Acknowledgements) -> None:
    with run(options.pipeline) as r:
        acknowledgements.note(RunStarted(r._run_id))
        for number in range(options.steps):
            record_step(r, f"step-{number}", options, acknowledgements)
    acknowledgements.note(RunEnded(r._run_id, r.outcome))
    rest(options)


def rest(options: argparse.Namespace) -> None:
    if options.rest_ms:
        threading.Event().wait(options.rest_ms / 1000)


def pause(where: str) -> None:
    sys.stdout.write(f"{where}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("acknowledgements", type=Path)
    parser.add_argument("--pipeline", default="people")
    parser.add_argument("--runs", type=int, default=1, help="0: until it is killed")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--items", type=int, default=1, help="item errors of a step")
    parser.add_argument("--counts", type=int, default=1, help="calls of count() in a step")
    parser.add_argument("--rest-ms", type=int, default=0, help="how long a step takes besides, and the time between runs")
    parser.add_argument("--pause", action="store_true")
    parser.add_argument("--pause-at-end", action="store_true")
    parser.add_argument("--default-sigxfsz", action="store_true", help="what Python ignores ends the process")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    if options.default_sigxfsz:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    acknowledgements = Acknowledgements(options.acknowledgements)
    configure()
    for _ in range(options.runs) if options.runs else itertools.count():
        record_run(options, acknowledgements)
    if options.pause_at_end:
        pause("end")


if __name__ == "__main__":
    main()
