"""python -m tests.benchmarks: the bridge beside its floors and peers, as ratios and beside their targets."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.benchmarks import club, exporting, large, live, load, starting
from tests.benchmarks.measure import Figure, progress

_WIDTH_PIPED = 160
_BENCHMARKS = {
    "W1": exporting.beside_the_floor,
    "W2": exporting.beside_others,
    "C1": live.beside_the_sdk,
    "L1": live.visibility,
    "L2": load.losses,
    "L4": load.beside_a_busy_caller,
    "S1": starting.starts,
    "R1": large.reading,
    "M1": large.writing,
    "M2": large.pruning,
    "A1": club.tracking,
    "club": club.growth,
}


def main() -> None:
    """Measure, and print; a missed target is said, and is no error: the machine may be busy."""
    options = _parser().parse_args()
    began = time.monotonic()
    figures = [figure for name in options.only or _BENCHMARKS for figure in _BENCHMARKS[name](quick=options.quick)]
    progress(f"measured in {time.monotonic() - began:.0f} s")
    if options.json:
        json.dump([{**asdict(figure), "verdict": figure.verdict} for figure in figures], sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        Console(width=None if sys.stdout.isatty() else _WIDTH_PIPED).print(_table(figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=_BENCHMARKS, help=", ".join(_BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first idea, in seconds")
    parser.add_argument("--json", action="store_true", help="a list of figures instead of the table")
    return parser


def _table(figures: Sequence[Figure]) -> Table:
    table = Table("", "what", "measured", "spread (p10 .. p90)", "target", "", title="ratios of medians, unless a unit is given")
    for figure in figures:
        table.add_row(
            figure.name,
            figure.what,
            _number(figure.value, figure.unit),
            "" if figure.low is None else f"{_number(figure.low)} .. {_number(figure.high)}",
            "" if figure.target is None else f"<= {_number(figure.target, figure.unit)}",
            figure.note or figure.verdict,
        )
    return table


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:.3g} {unit}".strip()


if __name__ == "__main__":
    main()
