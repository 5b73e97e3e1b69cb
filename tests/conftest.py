"""What tests of all areas need: an environment without the machine's own settings, and programs run in processes of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing on a machine that is shared.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")

_ROOT = Path(__file__).parent.parent
_STRANGE = ("OTEL_", "TRACEPARENT", "TRACESTATE", "BAGGAGE")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No test depends on what the machine has set."""
    for name in [name for name in os.environ if name.startswith(_STRANGE)]:
        monkeypatch.delenv(name)


@pytest.fixture
def unmeasured(monkeypatch):
    """Processes of their own are as a user's: coverage would load, trace and write things of its own in them."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def program(tmp_path):
    """Run a program in a process of its own; it records in ``path`` of the test (data/dashboard.sqlite)."""

    def run_program(source, *arguments, timeout=60, user=None, **environment):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout,
            user=user,
        )

    return run_program
