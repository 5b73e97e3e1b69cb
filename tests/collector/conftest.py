"""The real collector between pipelines, the dashboard's receiver and a backend. Without it: skipped, or failed where required."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.collector.machines import KEY, ROOT, Backend, Collector, Dashboard, Program

_TOKEN = "of-the-dashboard-0123456789"


@pytest.fixture(scope="session")
def binary():
    """What ``make collector`` has built."""
    make = shutil.which("make")
    said = (
        subprocess.run([make, "--silent", "collector-path"], cwd=ROOT, capture_output=True, text=True, check=True)
        if make
        else None
    )
    path = Path(said.stdout.strip()) if said else None
    if path is None or not path.exists():
        missing = "the collector is not built (make collector)"
        if os.environ.get("REQUIRE_COLLECTOR"):
            pytest.fail(f"REQUIRE_COLLECTOR is set, and {missing}")
        pytest.skip(missing)
    return path


@pytest.fixture
def backend():
    """Somebody else's server, who takes what it is sent."""
    with Backend() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def dashboard(tmp_path):
    """The dashboard's receiver; not started."""
    dashboard = Dashboard(tmp_path / "received.sqlite", _TOKEN)
    yield dashboard
    dashboard.close()


@pytest.fixture
def collector(binary, tmp_path, dashboard, backend):
    """The collector, with a road to the dashboard and one to the backend; not started."""
    collector = Collector(
        binary,
        tmp_path,
        DASHBOARD_OTLP_ENDPOINT=dashboard.url,
        DASHBOARD_OTLP_TOKEN=_TOKEN,
        BACKEND_OTLP_ENDPOINT=backend.url,
        BACKEND_OTLP_AUTHORIZATION="Basic of-the-backend:==",
        OTEL_SQLITE_HASH_KEY=KEY,
    )
    yield collector
    collector.close()


@pytest.fixture
def started(tmp_path):
    """A program in a process of its own, at the point where it waits."""

    @contextmanager
    def start(source, *arguments, **environment):
        with subprocess.Popen(
            [sys.executable, "-c", source, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Program(process)
            finally:
                process.kill()

    return start
