"""configure() beside other providers, samplers, collectors and odd settings; in processes of their own: each has one provider."""

import contextlib
import hmac
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from otel_sqlite.applier import recover
from tests.collectors import collecting, read_requests
from tests.faults.processes import locked

ROOT = Path(__file__).parents[2]

PIPELINE = textwrap.dedent("""
    from otel_sqlite import ItemError, configure, run

    def pipeline():
        with run("people") as r:
            with r.step("download") as step:
                step.count(created=3)
            with r.step("submit") as step:
                step.item_error(ItemError("A", "refused"))
        print(r.outcome)
""")
CONFIGURED = PIPELINE + "configure()\npipeline()\n"
ROWS = [("people", "partial", "ok", "download", "success"), ("people", "partial", "ok", "submit", "partial")]
NAMES = ["RUN people", "download", "submit"]
HASH = hmac.new(b"sixteen letters!", b"A", "sha256").hexdigest()
UNSAMPLED = f"00-{'1' * 32}-{'2' * 16}-00"


@pytest.fixture
def rows(path):
    """The runs and steps of the database; None: there is no database."""

    def found(of=path):
        if not of.exists():
            return None
        query = """
        SELECT pipeline, r.outcome, r.end_reason, step_name, s.outcome
        FROM runs AS r LEFT JOIN run_steps AS s ON s.run_id = r.id ORDER BY r.id, s.id
        """
        with closing(sqlite3.connect(of)) as connection:
            return connection.execute(query).fetchall()

    return found


@pytest.fixture
def slow():
    """A collector that answers when the test is over."""
    with collecting(until=threading.Event()) as receiver:
        yield receiver.url


@pytest.fixture
def refusing():
    with collecting(answer=(400, b"no")) as receiver:
        yield receiver.url


@pytest.fixture
def overloaded():
    with collecting(answer=(503, b"later")) as receiver:
        yield receiver.url


@pytest.fixture
def garbage():
    """A collector whose answers are no answers to the question."""
    with collecting(answer=(200, b"\xff\xfe<html>")) as receiver:
        yield receiver.url


@pytest.fixture
def confused():
    """A port that takes connections and says something that is not HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.sendall(b"220 ready\r\n" * 100)
                        connection.recv(100_000)

        thread = threading.Thread(target=talk)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def grpc_collector(tmp_path):
    """A collector that speaks gRPC in a process of its own: where it listens, and what it was sent."""
    file = tmp_path / "requests"
    command = [sys.executable, "-m", "tests.collectors", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", lambda: read_requests(file)
        process.stdin.close()


@pytest.fixture
def silent():
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refused():
    """A port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


# ---------------------------------------------------------------------------------------------- once


def test_configure_records_in_the_dashboard_database(program, rows):
    done = program(CONFIGURED)
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    assert rows() == ROWS


def test_the_path_may_come_from_the_program_or_from_the_environment(program, rows, tmp_path):
    assert program(PIPELINE + "configure('here.sqlite')\npipeline()", OTEL_SQLITE_PATH="there.sqlite").stderr == ""
    assert program(CONFIGURED, OTEL_SQLITE_PATH="there.sqlite").stderr == ""
    assert rows(tmp_path / "here.sqlite") == rows(tmp_path / "there.sqlite") == ROWS
    assert rows() is None


def test_a_second_call_changes_nothing(program, rows):
    done = program(PIPELINE + "configure()\nconfigure()\nconfigure('data/dashboard.sqlite')\npipeline()")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows() == ROWS


def test_a_second_call_with_another_path_says_where_runs_are_recorded(program, rows, path, tmp_path):
    done = program(PIPELINE + "configure()\nconfigure('other.sqlite')\npipeline()")
    assert done.stderr == f"tracking is set up already: runs go on being recorded in {path}\n"
    assert rows() == ROWS
    assert rows(tmp_path / "other.sqlite") is None


# ---------------------------------------------------------------------------------------------- other providers

JOINED = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

class Printing(SpanExporter):
    def export(self, spans):
        print("exported", *(span.name for span in spans))
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Printing()))
"""
JOINED_LINE = (
    "a TracerProvider exists already: the dashboard was added to it, but its sampler and its span limits stay as they are "
    "(unsampled runs are not seen, and more than OTEL_SPAN_EVENT_COUNT_LIMIT item errors a step are not kept)\n"
)


def test_the_dashboard_joins_a_provider_that_was_set_before_and_says_once_what_stays(program, rows):
    done = program(PIPELINE + JOINED + "trace.set_tracer_provider(provider)\nconfigure()\nconfigure()\npipeline()")
    assert done.stdout == "exported download\nexported submit\nexported RUN people\npartial\n"
    assert done.stderr == JOINED_LINE
    assert rows() == ROWS


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
UNSCRUBBED_LINE = (
    "OTEL_SQLITE_PRIVACY does not reach the OTLP exporter of a TracerProvider that exists already: spans that it exports "
    "leave as they are: wrap its exporter in otel_sqlite.privacy.PrivateSpanExporter, or let configure() make the provider "
    "(OTEL_SQLITE_PRIVACY=off: they may)\n"
)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, ""),
        (ENDPOINT, UNSCRUBBED_LINE),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9", "OTEL_SQLITE_PRIVACY": "on"}, UNSCRUBBED_LINE),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, UNSCRUBBED_LINE),
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, ""),
        ({"OTEL_TRACES_EXPORTER": "sqlite", **ENDPOINT}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SQLITE_PRIVACY": "off", **ENDPOINT}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_CONFIG_FILE": "sqlite.yaml"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_CONFIG_FILE": "otlp.yaml"}, UNSCRUBBED_LINE),
        ({"OTEL_CONFIG_FILE": "missing.yaml"}, ""),
    ],
    ids=repr,
)
def test_where_privacy_does_not_reach_what_a_joined_provider_sends_it_is_said_once(program, tmp_path, environment, line):
    (tmp_path / "sqlite.yaml").write_text("tracer_provider: {processors: [{batch: {exporter: {sqlite: }}}]}")
    (tmp_path / "otlp.yaml").write_text("tracer_provider: {processors: [{batch: {exporter: {otlp_http: }}}]}")
    source = PIPELINE + JOINED + "trace.set_tracer_provider(provider)\nconfigure()\nconfigure()\npipeline()"
    assert program(source, **environment).stderr == line + JOINED_LINE


def test_a_provider_that_is_set_afterwards_changes_nothing(program, rows):
    done = program(PIPELINE + JOINED + "configure()\ntrace.set_tracer_provider(provider)\npipeline()")
    assert (done.returncode, done.stdout) == (0, "partial\n")
    assert done.stderr == "Overriding of current TracerProvider is not allowed\n"
    assert rows() == ROWS


def test_a_provider_that_never_shuts_its_processors_down_keeps_nothing_from_the_dashboard(program, rows, path):
    source = PIPELINE + JOINED.replace("TracerProvider()", "TracerProvider(shutdown_on_exit=False)")
    program(source + "trace.set_tracer_provider(provider)\nconfigure()\npipeline()")
    assert rows() == ROWS
    assert list((path.parent / "dashboard.sqlite.d" / "journal").iterdir()) == []


WRAPPER = """
class Wrapper(trace.TracerProvider):
    def get_tracer(self, *arguments, **options):
        return provider.get_tracer(*arguments, **options)
"""
WRAPPED = "trace.set_tracer_provider(Wrapper())\nconfigure()\npipeline()"


def test_a_wrapper_that_takes_processors_is_joined(program, rows):
    done = program(PIPELINE + JOINED + WRAPPER + "    add_span_processor = provider.add_span_processor\n" + WRAPPED)
    assert done.stderr == JOINED_LINE
    assert rows() == ROWS


def test_a_wrapper_that_takes_no_processor_is_left_alone_and_named(program, rows):
    done = program(PIPELINE + JOINED + WRAPPER + WRAPPED)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "partial")
    assert done.stderr == (
        "the TracerProvider Wrapper takes no span processor: runs are not recorded (call configure() before it is set)\n"
    )
    assert rows() is None


def test_a_provider_that_cannot_be_loaded_leaves_the_pipeline_untracked(program, rows):
    done = program(CONFIGURED, OTEL_PYTHON_TRACER_PROVIDER="garbage")
    assert (done.returncode, done.stdout) == (0, "partial\n")
    assert "tracking could not be set up, the pipeline goes on untracked: StopIteration" in done.stderr
    assert rows() is None


def test_what_the_sdk_refuses_when_it_is_loaded_leaves_the_pipeline_untracked(program, rows):
    done = program(CONFIGURED, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="abc")
    assert (done.returncode, done.stdout) == (0, "partial\n")
    assert "tracking could not be set up, the pipeline goes on untracked: ValueError" in done.stderr
    assert rows() is None


def test_in_strict_mode_what_cannot_be_set_up_is_raised(program):
    done = program(CONFIGURED, OTEL_PYTHON_TRACER_PROVIDER="garbage", OTEL_SQLITE_STRICT="1")
    assert (done.returncode, done.stdout) == (1, "")


# ---------------------------------------------------------------------------------------------- OTLP


def test_every_span_is_sent_to_the_collector_that_is_set(program, rows, collector):
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.names == NAMES
    assert rows() == ROWS


@pytest.mark.parametrize(
    "sampling",
    [
        {"OTEL_TRACES_SAMPLER": "always_off"},
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
        {"TRACEPARENT": UNSAMPLED},
    ],
    ids=["always off", "ratio of zero", "unsampled parent"],
)
def test_the_sampler_keeps_spans_from_leaving_but_not_from_the_dashboard(program, rows, collector, sampling):
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces", **sampling)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.spans == []
    assert rows() == ROWS


BUSY = textwrap.dedent("""
    from otel_sqlite import configure, run

    configure()
    with run("people") as r:
        for number in range(3000):
            with r.step("download") as step:
                step.count(created=1)
""")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("exit_timeout", ["0", "0.5"])
@pytest.mark.parametrize("collector_that_is", ["silent", "refused", "slow", "refusing", "overloaded", "garbage", "confused"])
def test_a_collector_of_whatever_temper_delays_the_exit_no_longer_than_allowed(  # noqa: PLR0913, PLR0917 - a table
    program, rows, path, request, collector_that_is, exit_timeout, protocol
):
    endpoint = request.getfixturevalue(collector_that_is)
    settings = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_SQLITE_EXIT_TIMEOUT": exit_timeout}
    # The SDK alone waits for half a minute, where it may.
    done = program(CONFIGURED, timeout=25, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="1000", **settings)
    assert (done.returncode, done.stdout) == (0, "partial\n")
    recover(path, 60)
    assert rows() == ROWS


def test_a_run_that_is_long_for_a_collector_that_does_not_answer_is_whole_on_the_dashboard(program, rows, path, silent):
    settings = {"OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_SQLITE_EXIT_TIMEOUT": "3"}
    done = program(BUSY, OTEL_EXPORTER_OTLP_ENDPOINT=silent, **settings)
    assert done.returncode == 0
    recover(path, 60)
    assert rows() == [("people", "success", "ok", "download", "success")] * 3000


def test_the_dashboard_is_complete_before_the_collector_gets_its_last(program, rows, path):
    program(CONFIGURED)
    seen, is_sent = [], threading.Event()

    def see():
        seen.append(rows())
        is_sent.set()

    settings = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_SQLITE_EXIT_TIMEOUT": "60"}
    with collecting(before=see) as receiver, ThreadPoolExecutor(1) as pool:
        with locked(path):
            ended = pool.submit(program, CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **settings)
            is_sent.wait(3)  # it would not take longer to leave without the dashboard
        assert ended.result().stderr == ""
    assert seen == [ROWS * 2]
    assert receiver.names == NAMES


def test_a_collector_may_speak_grpc(program, rows, grpc_collector):
    endpoint, requests = grpc_collector
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="grpc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    spans = [s for request in requests() for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    assert sorted(span.name for span in spans) == NAMES
    assert b"refused" not in b"".join(request.SerializeToString() for request in requests())
    assert rows() == ROWS


def test_a_forked_child_ends_though_its_parent_speaks_grpc(program, rows, grpc_collector):
    endpoint, _ = grpc_collector
    forking = textwrap.dedent("""
        import os, sys

        configure()
        pipeline()
        sys.stdout.flush()
        if pid := os.fork():
            print(os.waitpid(pid, 0)[1])
        else:
            pipeline()
    """)
    done = program(PIPELINE + forking, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert (done.returncode, sorted(done.stdout.split())) == (0, ["0", "partial", "partial"])
    assert rows() == ROWS * 2


def test_a_protocol_that_is_not_known_is_named_and_http_spoken(program, collector):
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    assert done.stderr == "OTEL_EXPORTER_OTLP_PROTOCOL='http/json' is not http/protobuf or grpc: http/protobuf is used instead\n"
    assert collector.names == NAMES


@pytest.mark.parametrize(
    ("protocol", "line"),
    [
        ("http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT needs the extra 'otlp': pip install 'otel-sqlite[otlp]'"),
        ("grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs the extra 'otlp-grpc': pip install 'otel-sqlite[otlp-grpc]'"),
    ],
)
def test_without_the_exporters_package_the_line_names_the_extra_and_the_dashboard_works(program, rows, protocol, line):
    packages = [f"opentelemetry.exporter.otlp.proto.{name}.trace_exporter" for name in ("http", "grpc")]
    missing = f"import sys\nsys.modules |= dict.fromkeys({packages})\n"
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    done = program(missing + CONFIGURED, **settings)
    assert done.stderr == f"{line} (nothing is sent to the collector)\n"
    assert rows() == ROWS


# ---------------------------------------------------------------------------------------------- privacy


@pytest.mark.parametrize(
    ("settings", "sent", "line"),
    [
        ({}, {}, ""),
        ({"OTEL_SQLITE_HASH_KEY": "sixteen letters!"}, {"otel_sqlite.item.id": HASH}, ""),
        (
            {"OTEL_SQLITE_HASH_KEY": "fifteen letters"},
            {},
            "OTEL_SQLITE_HASH_KEY has less than 16 characters: identifiers are left out instead\n",
        ),
        ({"OTEL_SQLITE_PRIVACY": "OFF"}, {"otel_sqlite.item.id": "A", "exception.message": "refused"}, ""),
        ({"OTEL_SQLITE_PRIVACY": "no"}, {}, "OTEL_SQLITE_PRIVACY='no' is not on or off: on is used instead\n"),
    ],
    ids=["by default", "with a key", "with a short key", "switched off", "misunderstood"],
)
def test_the_settings_say_what_of_an_item_error_leaves(program, rows, collector, settings, sent, line):  # noqa: PLR0913, PLR0917 - a table
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings)
    assert done.stderr == line
    (event,) = [event for span in collector.spans for event in span.events]
    assert {attribute.key: attribute.value.string_value for attribute in event.attributes} == sent
    assert rows() == ROWS


@pytest.mark.usefixtures("unmeasured")
def test_who_sends_nothing_loads_nothing_of_sending(program):
    heavy = ["otel_sqlite.privacy", "hashlib", "ssl", "requests", "google.protobuf"]
    done = program(f"{CONFIGURED}\nimport sys\nprint([name for name in {heavy} if name in sys.modules])")
    assert (done.stdout, done.stderr) == ("partial\n[]\n", "")


# ---------------------------------------------------------------------------------------------- odd environments


def test_a_disabled_sdk_means_untracked_and_harmless(program, rows):
    done = program(CONFIGURED, OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    assert rows() is None


@pytest.mark.parametrize(
    "garbage",
    [
        {
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "many",
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "-3",
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "x",
        },
        {"OTEL_TRACES_SAMPLER": "sometimes", "OTEL_TRACES_SAMPLER_ARG": "x", "OTEL_RESOURCE_ATTRIBUTES": "=,=,x"},
        {"OTEL_SQLITE_RETENTION_DAYS": "a", "OTEL_SQLITE_EXIT_TIMEOUT": "b", "OTEL_SQLITE_STRICT": "c", "TRACEPARENT": "d"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "not a url",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
            "OTEL_BSP_SCHEDULE_DELAY": "x",
            "OTEL_SQLITE_EXIT_TIMEOUT": "0.5",
        },
    ],
    ids=lambda garbage: next(iter(garbage)),
)
def test_nonsense_in_the_environment_does_not_keep_runs_from_the_dashboard(program, rows, path, garbage):
    done = program(CONFIGURED, **garbage)
    assert (done.returncode, done.stdout) == (0, "partial\n")
    recover(path, 60)
    assert rows() == ROWS


@pytest.mark.parametrize(
    ("exporters", "names"),
    [("", NAMES), ("otlp", NAMES), ("console, otlp_proto_http", NAMES), ("none", []), ("sqlite", []), ("console,sqlite", [])],
)
def test_nothing_is_sent_where_other_exporters_are_chosen(program, rows, collector, exporters, names):
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_EXPORTER=exporters)
    assert (done.stdout, done.stderr) == ("partial\n", "")
    assert sorted(span.name for span in collector.spans) == names
    assert rows() == ROWS


@pytest.mark.parametrize(
    "garbage",
    [
        {"OTEL_BSP_MAX_QUEUE_SIZE": "0"},
        {"OTEL_BSP_SCHEDULE_DELAY": "-1"},
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1000000"},
    ],
    ids=lambda garbage: next(iter(garbage)),
)
def test_nonsense_about_the_collector_keeps_spans_from_it_alone(program, rows, collector, garbage):
    done = program(CONFIGURED, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **garbage)
    assert (done.returncode, done.stdout) == (0, "partial\n")
    assert done.stderr.startswith("nothing is sent to the collector, correct the OTEL_EXPORTER_OTLP_* and OTEL_BSP_* settings: ")
    assert done.stderr.count("\n") == 1
    assert rows() == ROWS


def test_a_working_directory_that_is_gone_does_no_harm(program):
    gone = "import os\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')\n"
    done = program(gone + CONFIGURED)
    assert (done.returncode, done.stdout) == (0, "partial\n")
    assert done.stderr.count("\n") == 1


# ---------------------------------------------------------------------------------------------- the SDK's own configurator


def test_the_exporter_is_found_by_its_name_and_works_with_the_sdks_own_configurator(program, rows):
    source = PIPELINE + textwrap.dedent("""
        from opentelemetry import trace
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        _OTelSDKConfigurator().configure()
        pipeline()
        trace.get_tracer_provider().shutdown()
    """)
    done = program(source, OTEL_TRACES_EXPORTER="sqlite", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    assert (done.returncode, done.stdout, done.stderr) == (0, "partial\n", "")
    assert rows() == ROWS
