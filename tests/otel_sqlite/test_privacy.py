"""What leaves for a collector says nothing of a member, wherever a pipeline puts it; a real receiver tells."""

import hashlib
import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from otel_sqlite import ItemError, run
from otel_sqlite.privacy import PrivateSpanExporter, masked
from tests.collectors import collecting

KEY = b"a key of sixteen characters or more"
RANDOM = "0123456789abcdef0123456789abcdef"
OFFICIAL = "https://opentelemetry.io/schemas/1.44.0"


@pytest.fixture(scope="module")
def collector():
    with collecting() as collector:
        yield collector


class Leaving:
    """A provider whose spans leave through privacy; what stayed and what was received."""

    def __init__(self, collector, *, key=KEY, resource=None, schema_url=None):
        collector.bodies.clear()
        self.collector = collector
        self.whole = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource(resource or {}, schema_url))
        sender = OTLPSpanExporter(f"{collector.url}/v1/traces", compression=Compression.NoCompression)
        self.provider.add_span_processor(SimpleSpanProcessor(self.whole))
        self.provider.add_span_processor(SimpleSpanProcessor(PrivateSpanExporter(sender, key)))

    def tracer(self, name="app", version=None, schema_url=None, attributes=None):
        return self.provider.get_tracer(name, version, schema_url, attributes)

    @property
    def bytes(self):
        return b"".join(self.collector.bodies)


@pytest.fixture
def leaving(collector):
    leaves = []

    def make(**options):
        leaves.append(Leaving(collector, **options))
        return leaves[-1]

    yield make
    for one in leaves:
        one.provider.shutdown()


def values(attributes):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


def hashed(text):
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


# ---------------------------------------------------------------------------------------------- what leaves


def test_of_a_run_and_its_steps_names_numbers_and_outcomes_leave(leaving):
    out = leaving()
    with run("people", tracer_provider=out.provider) as r, r.step("submit") as step:
        step.count(created=3)
        step.item_error(ValueError("Jan de Vries has no address"), "ABCD12X")

    sent, ran = out.collector.spans
    assert (sent.name, ran.name) == ("submit", "RUN people")
    ids = values(ran.attributes)["cicd.pipeline.run.id"], values(sent.attributes)["cicd.pipeline.task.run.id"]
    duration_ms = values(sent.attributes)["otel_sqlite.duration_ms"]
    assert values(sent.attributes) == {
        "cicd.pipeline.name": "people",
        "cicd.pipeline.run.id": ids[0],
        "cicd.pipeline.task.name": "submit",
        "cicd.pipeline.task.run.id": ids[1],
        "cicd.pipeline.task.run.result": "failure",
        "otel_sqlite.outcome": "partial",
        "otel_sqlite.end_reason": "ok",
        "otel_sqlite.items.created": 3,
        "otel_sqlite.items.failed": 1,
        "otel_sqlite.duration_ms": duration_ms,
    }
    (event,) = sent.events
    assert values(event.attributes) == {"exception.type": "ValueError", "otel_sqlite.item.id": hashed("ABCD12X")}
    assert event.time_unix_nano == out.whole.get_finished_spans()[0].events[0].timestamp
    assert sent.parent_span_id == ran.span_id


def test_a_run_that_failed_leaves_with_its_type_of_error_and_nothing_that_was_said(leaving):
    out = leaving()
    with pytest.raises(LookupError), run("people", tracer_provider=out.provider):
        raise LookupError("Jan de Vries")

    (ran,) = out.collector.spans
    assert (ran.status.code, ran.status.message) == (StatusCode.ERROR.value, "")
    assert values(ran.attributes)["error.type"] == "LookupError"
    assert [values(event.attributes) for event in ran.events] == [{"exception.type": "LookupError"}]


def test_without_a_key_identifiers_are_left_out(leaving):
    out = leaving(key=None)
    with run("people", tracer_provider=out.provider) as r, r.step("submit") as step:
        step.item_error(ItemError("ABCD12X", "refused"))
    attributes = {"cicd.pipeline.name": "people", "cicd.pipeline.run.id": "run of ABCD12X"}
    out.tracer().start_span("people", attributes=attributes).end()

    assert [values(event.attributes) for event in out.collector.spans[0].events] == [{}]
    assert values(out.collector.spans[2].attributes) == {"cicd.pipeline.name": "people"}


def test_an_id_of_a_run_leaves_as_it_is_only_if_it_is_random(leaving):
    out = leaving()
    ids = (RANDOM, "01234567-89ab-cdef-0123-456789abcdef", "ABCD12X", "612345678", RANDOM + "jan")
    for run_id in ids:
        out.tracer().start_span("x", attributes={"cicd.pipeline.name": "x", "cicd.pipeline.run.id": run_id}).end()

    sent = [values(span.attributes)["cicd.pipeline.run.id"] for span in out.collector.spans]
    assert sent == [*ids[:2], *map(hashed, ids[2:])]


def test_of_a_request_the_method_the_status_and_the_system_leave(leaving):
    out = leaving()
    attributes = {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "url.full": "https://jan:secret@api.example.org:8443/members/ABCD12X?email=jan%40example.org#Vries",
        "url.path": "/members/ABCD12X",
        "url.query": "name=Jan",
        "server.address": "api.example.org",
        "server.port": 8443,
        "error.type": "404",
        "http.request.header.authorization": ("Bearer secret",),
        "user_agent.original": "Jan's",
    }
    out.tracer("http", "1.2", OFFICIAL).start_span("GET /members/ABCD12X", kind=SpanKind.CLIENT, attributes=attributes).end()

    (span,) = out.collector.spans
    assert (span.name, span.kind) == ("GET", SpanKind.CLIENT.value + 1)
    assert values(span.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "url.full": "https://api.example.org:8443",
        "server.address": "api.example.org",
        "server.port": 8443,
        "error.type": "404",
    }


@pytest.mark.parametrize(
    ("address", "leaves"),
    [
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/a", "http://[::1]:8000"),
        ("https://API.example.org", "https://api.example.org"),
        ("mailto:jan@example.org", None),
        ("jan.de.vries://host/", None),
        ("http://ABCD12X/", None),
        ("http://0612345678/", None),
        ("http://jan%40example.org/", None),
        ("http://Jan de Vries/", None),
        ("http://[::1/", None),
        ("http://[fe80::1%Jan]/", None),
        ("http://host:99999999/", None),
        ("/members/ABCD12X", None),
        ("", None),
    ],
)
def test_an_address_leaves_without_all_but_the_host(leaving, address, leaves):
    out = leaving()
    out.tracer().start_span("x", attributes={"http.url": address}).end()
    assert values(out.collector.spans[0].attributes).get("http.url") == leaves


def test_a_span_of_others_is_called_by_its_method_or_its_library(leaving):
    out = leaving()
    out.tracer("their.library").start_span("Jan de Vries").end()
    out.tracer("their.library").start_span("Jan de Vries", attributes={"http.method": "POST"}).end()
    out.tracer("their.library").start_span("Jan de Vries", attributes={"http.method": "Jan de Vries"}).end()
    assert [span.name for span in out.collector.spans] == ["their.library", "POST", "their.library"]


def test_of_a_resource_the_service_and_the_host_leave(leaving):
    kept = {
        "service.name": "sync",
        "service.namespace": "rondo",
        "service.version": "2026.11.23",
        "service.instance.id": "01234567-89ab-cdef-0123-456789abcdef",
        "deployment.environment.name": "production",
        "telemetry.sdk.name": "opentelemetry",
        "host.name": "web-01.example.org",
        "process.pid": 12,
    }
    out = leaving(resource={**kept, "process.command_args": ["--member", "ABCD12X"], "process.owner": "jan", "os.name": "Jan's"})
    out.tracer().start_span("x").end()
    assert values(out.collector.requests[0].resource_spans[0].resource.attributes) == kept


def test_the_span_itself_stays_as_it_is(leaving):
    out = leaving()
    spread(out, "Jan de Vries, jan@example.org")
    whole = [span.to_json() for span in out.whole.get_finished_spans()]
    spread(again := leaving(), "Jan de Vries, jan@example.org")
    for span in again.whole.get_finished_spans():
        assert "Jan de Vries" in span.to_json()
    assert len(whole) == len(again.whole.get_finished_spans())


def test_the_result_of_the_exporter_is_passed_on(collector):
    sender = OTLPSpanExporter(f"{collector.url}/v1/traces", timeout=0.1)
    private = PrivateSpanExporter(sender, KEY)
    assert private.force_flush() is True
    private.shutdown()
    assert private.export([]) == sender.export([])


# ---------------------------------------------------------------------------------------------- what does not


def spread(out, text, *, named=False):
    """Put a text wherever a pipeline, a library or the environment can put one; with ``named`` in names as well."""
    names = text if named else "x"
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("from", text[:200])]))
    around = trace.set_span_in_context(trace.NonRecordingSpan(context))
    tracer = out.tracer(names, text if named else "1", f"{OFFICIAL}/{text}" if named else text, {"scope": text})
    attributes = dict.fromkeys(("code.function.name", "enduser.id", "db.statement", "db.query.text", "http.route"), text)
    addresses = {"url.full": f"http://x/{text}", "http.url": f"http://x?{text}", "server.address": text, "http.host": text}
    with tracer.start_as_current_span(
        text, around, SpanKind.CLIENT, {**attributes, **addresses, text: text, "list": [text], "map": {text: [text]}}
    ) as span:
        span.add_event(text, {text: text})
        span.add_event("exception", {"exception.message": text, "exception.stacktrace": text, text: text})
        span.add_link(context, {"note": text})
        span.record_exception(ValueError(text), {"otel_sqlite.item.id": text, "exception.type": text})
        span.set_status(Status(StatusCode.ERROR, text))
    words = dict.fromkeys(
        (
            "error.type",
            "cicd.pipeline.run.id",
            "cicd.pipeline.task.run.id",
            "cicd.pipeline.run.state",
            "cicd.pipeline.result",
            "otel_sqlite.outcome",
            "otel_sqlite.end_reason",
            "otel_sqlite.items.created",
            "otel_sqlite.skip_reason",
            "otel_sqlite.parent_run_id",
            "http.request.method",
            "http.status_code",
        ),
        text,
    )
    tracer.start_span(text, attributes={"cicd.pipeline.name": names, **words}, links=[Link(context)]).end()
    with run(names, tracer_provider=out.provider) as r:
        with r.step(names) as step:
            step.item_error(ItemError(text, text, text))
            step.item_error(ValueError(text), text)
            step.detail({text: [text, {text: text}]})
        with r.step("skipped") as step:
            step.skip(text)
        r.summarize({text: text})
    with pytest.raises(ValueError), run(names, tracer_provider=out.provider):  # noqa: PT011 - any text
        raise ValueError(text) from LookupError(text)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = st.text("0123456789", min_size=8, max_size=8)
EMAILS = st.builds(
    "{}{}{}.{}".format,
    st.text(_LETTERS + "0123456789.+_-'!#%&*/=?^`{|}~é", min_size=6, max_size=20),
    st.sampled_from(["@", "%40"]),
    st.text(_LETTERS + "-", min_size=4, max_size=12),
    st.sampled_from(["nl", "org", "co.uk"]),
)
PHONES = st.builds(
    lambda prefix, digits, form: prefix + form(digits),
    st.sampled_from(["06", "06-", "06 ", "+31 6 ", "+316", "0031 (0)6 ", "(06) ", "06.", "06/"]),
    _DIGITS,
    st.sampled_from(
        [str, " ".join, "-".join, ".".join, lambda d: f"{d[:4]} {d[4:]}", lambda d: " ".join(d[i : i + 2] for i in (0, 2, 4, 6))]
    ),
)
MEMBER_IDS = st.from_regex(r"[A-Z]{4}[0-9]{2}[A-Z]", fullmatch=True).flatmap(lambda i: st.sampled_from([i, i.lower(), i.title()]))
PERSONAL = st.one_of(EMAILS, PHONES, MEMBER_IDS)
AROUND = st.sampled_from(["{}", "member {}", "{}: refused", "id={}", "<{}>", "sync-{}", "x{}y", '"{}"', "({})", "a\n{}\nb"])


def assert_absent(text, sent):
    """Neither the text nor its digits, in whatever case, is in what was sent."""
    assert text.encode().lower() not in sent.lower()
    assert text.encode("utf-16-le") not in sent


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(personal=PERSONAL, around=AROUND)
def test_no_address_number_or_identifier_leaves_by_any_field(collector, personal, around):
    out = Leaving(collector, resource={"service.name": around.format(personal), "service.version": personal, personal: personal})
    spread(out, around.format(personal), named=True)
    out.provider.shutdown()
    assert len(collector.spans) == 6
    assert_absent(personal, out.bytes)


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize(
    "text",
    ["Jan de Vries", "Dorpsstraat 12, 1234 AB Testdorp", "geboren op 1 mei 2014", "\ud800 Jan de Vries\0"],
    ids=["a name", "an address", "a date", "odd characters"],
)
def test_no_text_leaves_but_names(leaving, text, key):
    resource = {"process.command_line": text, "service.instance.id": text, "host.name": text, text: text}
    out = leaving(key=key, resource=resource, schema_url=text)
    spread(out, text)
    assert len(out.collector.spans) == 6
    for word in ("Jan", "Vries", "Dorp", "1234 AB", "geboren", "mei"):
        assert_absent(word, out.bytes)


@given(personal=PERSONAL, around=AROUND)
def test_what_looks_personal_is_masked_in_a_name(personal, around):
    assert personal.lower() not in masked(around.format(personal)).lower()


@pytest.mark.parametrize(
    "name", ["people", "photo-upload", "RUN people", "requests.exceptions.ConnectTimeout", "404", "2026.11.23"]
)
def test_an_ordinary_name_is_not_masked(name):
    assert masked(name) == name


def test_what_is_too_long_for_a_name_is_none():
    assert (masked("x" * 200), masked("x" * 201)) == ("x" * 200, "[...]")


@pytest.mark.parametrize(
    ("url", "leaves"), [(OFFICIAL, OFFICIAL), (f"{OFFICIAL}/Jan de Vries", ""), ("https://opentelemetry.io/schemas/Jan", "")]
)
def test_only_the_address_of_an_official_schema_leaves(leaving, url, leaves):
    out = leaving(schema_url=url)
    out.tracer(schema_url=url).start_span("x").end()
    (group,) = out.collector.requests[0].resource_spans
    assert (group.schema_url, group.scope_spans[0].schema_url) == (leaves, leaves)


def test_other_exporters_than_otlps_are_told_no_more():
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"a": "Jan de Vries"}, "Jan de Vries"), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(PrivateSpanExporter(memory)))
    context = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("from", "jan")]))
    around = trace.set_span_in_context(trace.NonRecordingSpan(context))
    provider.get_tracer("x").start_span("Jan de Vries", around, links=[Link(context, {"b": "Jan de Vries"})]).end()

    (span,) = memory.get_finished_spans()
    assert "jan" not in span.to_json().lower()
    assert (span.links[0].context.span_id, span.parent.span_id, span.context.trace_id) == (2, 2, 1)


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None)), st.binary(), st.lists(st.text())
)


@given(st.dictionaries(st.sampled_from(["cicd.pipeline.name", "url.full", "server.port", "error.type", "http.host"]), _VALUES))
def test_no_value_keeps_a_span_from_leaving(attributes):
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(PrivateSpanExporter(memory)))
    provider.get_tracer("x").start_span("x", attributes=attributes).end()
    assert len(memory.get_finished_spans()) == 1


def test_a_number_that_otlp_cannot_hold_stays_and_keeps_nothing_else_from_leaving(leaving, caplog):
    out = leaving()
    out.tracer().start_span("RUN people", attributes={"cicd.pipeline.name": "people", "otel_sqlite.duration_ms": 2**63}).end()
    out.tracer().start_span("s", attributes={"cicd.pipeline.name": "a", "otel_sqlite.duration_ms": 2**63 - 1}).end()
    sent = [{a.key: a.value for a in span.attributes} for span in out.collector.spans]
    assert [sorted(attributes) for attributes in sent] == [
        ["cicd.pipeline.name"],
        ["cicd.pipeline.name", "otel_sqlite.duration_ms"],
    ]
    assert sent[1]["otel_sqlite.duration_ms"].int_value == 2**63 - 1
    assert caplog.text == ""
