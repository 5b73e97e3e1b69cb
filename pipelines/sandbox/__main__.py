"""Runs the sandbox by hand."""

import shlex
import signal
import sys
from pathlib import Path

import click

from pipelines.errors import SyncError
from pipelines.sandbox import MEMBERS, SEED, Faults, advance, reset, running

STOPPING = {signal.SIGINT, signal.SIGTERM}


@click.group(invoke_without_command=True)
@click.option("--members", type=click.IntRange(1, 100_000), help=f"Size of the club, if there is none yet ({MEMBERS}).")
@click.option("--seed", type=int, help="Another seed is another club.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data/sandbox"),
    show_default=True,
    help="Where the systems keep their contents.",
)
@click.option("--no-faults", is_flag=True, help="Nothing goes wrong: no failing requests, no refused members.")
@click.option("--port-base", type=click.IntRange(1024, 65_000), help="First of consecutive ports; else any free ports.")
@click.pass_context
def main(  # noqa: PLR0913  one for each option
    context: click.Context, *, members: int | None, seed: int | None, directory: Path, no_faults: bool, port_base: int | None
) -> None:
    """Serve the sandbox club until Ctrl-C.

    Prints the settings that lead the pipelines to it, one KEY=value a line, fit for a .env file.
    """
    if context.invoked_subcommand:
        return
    # The threads of the servers inherit this: whichever signal comes, only the wait below gets it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    faults = Faults.none() if no_faults else Faults.demo(seed=seed or SEED)
    with running(directory, members=members, seed=seed, faults=faults, port_base=port_base) as sandbox:
        for name, value in sandbox.environment.items():
            click.echo(f"{name}={shlex.quote(value)}")
        click.echo(f"Serving a club of {len(sandbox.club.members)} members from {directory}. Ctrl-C stops.", err=True)
        signal.sigwait(STOPPING)


@main.command("reset")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="As above.")
@click.pass_context
def reset_command(context: click.Context, *, directory: Path | None) -> None:
    """Start afresh.

    Deletes the club, what its systems hold, and what the pipelines remember of them.
    """
    directory = directory or context.find_root().params["directory"]
    reset(directory)
    click.echo(f"{directory} is empty; the next sandbox there starts afresh.")


@main.command("advance")
@click.option("--days", type=click.IntRange(1, 3660), default=1, show_default=True, help="How many days go by.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="As above.")
@click.pass_context
def advance_command(context: click.Context, *, days: int, directory: Path | None) -> None:
    """Let the club live on.

    Members come, go, move and play elsewhere, bills are paid, cases come up, and somebody corrects persons by hand.
    """
    club = advance(directory or context.find_root().params["directory"], days)
    click.echo(f"The club has seen {club.day} days and has {len(club.members)} members.")


def run() -> None:
    """The command, with our own errors as one line."""
    try:
        main(prog_name="python -m pipelines.sandbox")
    except SyncError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
