"""Spans of others that carry cicd.pipeline.* become runs and steps, in the shapes in which others send them."""

import hashlib
import itertools

import pytest
from opentelemetry.trace import StatusCode

from otel_sqlite import semconv
from otel_sqlite.receiver.dialects import Utterance, official
from otel_sqlite.receiver.intake import Intake
from otel_sqlite.receiver.wire import Encoding, Limits
from tests.otel_sqlite.receiver.conftest import NOON_NS, document, encoded, span

# ---------------------------------------------------------------------------------------------- the collector's GitHub receiver

RUN_ID, JOB_ID = 14_460_881_260, 40_554_189_320
SERVER, INTERNAL = 2, 1
OK, ERROR = {"code": 1}, {"code": 2}
NEVER = 11_651_379_494_838_206_464  # Go's zero time in nanoseconds, as an unsigned number
URL = f"https://github.com/club/site/actions/runs/{RUN_ID}"


def github_id(text, size):
    return hashlib.sha256(text.encode()).hexdigest()[:size]


def github_span(name, ids, status, seconds=(0, 60), **values):
    """A span as that receiver makes it: ids are made of the number of the run, its attempt, and a key."""
    attempt, key, parent = ids
    return {
        **span(**values),
        "name": name,
        "kind": SERVER if parent is None else INTERNAL,
        "status": status,
        "traceId": github_id(f"{RUN_ID}{attempt}t", 32),
        "spanId": github_id(f"{RUN_ID}{attempt}{key}", 16),
        "parentSpanId": "" if parent is None else github_id(f"{RUN_ID}{attempt}{parent}", 16),
        "startTimeUnixNano": github_time(seconds[0]),
        "endTimeUnixNano": github_time(seconds[1]),
    }


def github_time(second):
    return str(second if second == NEVER else NOON_NS + second * 1_000_000_000)


def one_scope_each(*spans, **resource):
    """That receiver opens a scope for each span."""
    said = document(*spans, **resource)
    (group,) = said["resourceSpans"]
    group["scopeSpans"] = [{"scope": {}, "spans": [one]} for one in spans]
    return said


def github_run(word="success", status=OK, *, attempt=1):
    """The event workflow_run: all that says which run it is stands on the resource."""
    earlier = {"cicd__pipeline__run__previous_attempt__url__full": f"{URL}/attempts/{attempt - 1}"} if attempt > 1 else {}
    root = github_span("build-and-test", (attempt, "s", None), {**status, "message": word}, (0, 90))
    if attempt > 1:
        root["links"] = [{"traceId": github_id(f"{RUN_ID}{attempt - 1}t", 32), "spanId": ""}]
    return one_scope_each(
        root,
        service__name="site",
        vcs__repository__name="site",
        cicd__pipeline__name="build-and-test",
        cicd__pipeline__run__url__full=URL,
        cicd__pipeline__run__id=RUN_ID,
        cicd__pipeline__run__status=word,
        **earlier,
    )


def github_job(word="success", status=OK, *steps, name="lint", attempt=1, **resource):
    """The event workflow_job: the pipeline has the name of the job, no run id, and a queue span between the job and its steps."""
    told = resource or {"cicd__pipeline__run__task__status": word}
    return one_scope_each(
        github_span(name, (attempt, name, "s"), {**status, "message": word}),
        github_span(f"queue-{name}", (attempt, f"queue-{name}", name), {}, (0, 5), cicd__pipeline__run__queue__duration=5e9),
        *(github_step(name, attempt, step) for step in steps),
        service__name="site",
        cicd__pipeline__name=name,
        cicd__pipeline__task__run__id=JOB_ID,
        cicd__pipeline__task__run__url__full=f"{URL}/job/{JOB_ID}",
        cicd__pipeline__worker__labels="ubuntu-latest",
        **told,
    )


def github_step(job, attempt, step):
    name, word, status, *seconds = step
    said = {"cicd__pipeline__task__name": name, "cicd__pipeline__run__task__status": word}
    return github_span(
        name, (attempt, job + name, f"queue-{job}"), {**status, "message": "success"}, *(seconds or [(5, 50)]), **said
    )


STEPS = [
    ("checkout", "success", OK),
    ("test", "failure", ERROR),
    ("deploy", "failure", {}),  # that is how a skipped step is told
    ("notify", "cancellation", {}),
    ("post", "completed", {}),  # neutral, or another unusual conclusion
    ("never began", "failure", {}, (NEVER, NEVER)),
    ("was cut short", "failure", ERROR, (5, NEVER)),
]
EVENTS = [
    github_run("failure", ERROR),
    github_job("failure", ERROR, *STEPS),
    github_job("skip", {}, name="publish"),
]
STEP_ROWS = [
    ("checkout", "success", "ok", 45_000),
    ("deploy", "skipped", "ok", 45_000),
    ("lint", "failure", "exception", 60_000),
    ("never began", "skipped", "ok", 0),
    ("notify", "failure", "cancelled", 45_000),
    ("post", "success", "ok", 45_000),
    ("publish", "skipped", "ok", 60_000),
    ("queue-lint", "success", "ok", 5_000),
    ("queue-publish", "success", "ok", 5_000),
    ("test", "failure", "exception", 45_000),
    ("was cut short", "failure", "exception", 0),
]


def test_events_of_github_are_one_run_with_its_jobs_queues_and_steps_in_any_order(receiving, send, read, encoding, path):
    for order in itertools.permutations(EVENTS):
        path.unlink(missing_ok=True)
        with receiving() as client:
            for event in order:
                assert send(client, event, encoding).status_code == 200
        assert read("SELECT run_uid, pipeline, outcome, end_reason, duration_ms FROM runs") == [
            (str(RUN_ID), "build-and-test", "failure", "exception", 90_000)
        ]
        assert read("SELECT step_name, outcome, end_reason, duration_ms FROM run_steps ORDER BY 1") == STEP_ROWS


def test_all_events_of_a_run_may_come_in_one_request(client, send, read, encoding):
    together = {"resourceSpans": [group for event in reversed(EVENTS) for group in event["resourceSpans"]]}
    assert send(client, together, encoding).status_code == 200
    assert read("SELECT run_uid, outcome FROM runs") == [(str(RUN_ID), "failure")]
    assert read("SELECT step_name, outcome, end_reason, duration_ms FROM run_steps ORDER BY 1") == STEP_ROWS


def test_every_attempt_of_a_github_run_is_a_run_of_its_own(client, send, read):
    for attempt, word, status in ((1, "failure", ERROR), (2, "success", OK)):
        send(client, github_job(word, status, attempt=attempt))
        send(client, github_run(word, status, attempt=attempt))
    assert read("SELECT run_uid, outcome FROM runs ORDER BY id") == [(str(RUN_ID), "failure"), (f"{RUN_ID}-2", "success")]
    assert read("SELECT COUNT(*) FROM run_steps GROUP BY run_id") == [(2,), (2,)]


@pytest.mark.parametrize(
    ("word", "row"),
    [
        ("success", ("success", "ok", None)),
        ("cancellation", ("failure", "cancelled", "result: cancellation")),
        ("skip", ("success", "ok", None)),
        ("timed_out", ("failure", "exception", "result: timeout")),
        ("startup_failure", ("failure", "exception", "result: error")),
        ("stale", ("failure", "exception", "result: timeout")),
        ("action_required", ("success", "ok", None)),
        ("neutral", ("success", "ok", None)),
        ("", ("success", "ok", None)),
    ],
)
def test_every_conclusion_of_a_github_run_has_an_outcome(path, read, word, row):
    store(path, github_run(word, {}))
    assert read("SELECT outcome, end_reason, end_evidence FROM runs") == [row]


def test_an_unusual_conclusion_of_a_job_is_told_as_of_a_run(path, read):
    store(path, github_job("timed_out", {}, cicd__pipeline__run__status="timed_out"))
    assert read("SELECT step_name, outcome, detail_json FROM run_steps ORDER BY 1") == [
        ("lint", "failure", '{"result":"timeout"}'),
        ("queue-lint", "success", None),
    ]


def store(path, said):
    """Take a request without HTTP."""
    intake = Intake(path, Limits())
    intake.take(encoded(said, Encoding.PROTOBUF), Encoding.PROTOBUF, float("inf"), is_gzip=False)
    intake.close()


# ---------------------------------------------------------------------------------------------- other dialects

NAME, UID, WORD, STEP, STEP_WORD = (
    semconv.PIPELINE_NAME,
    semconv.RUN_ID,
    semconv.RUN_RESULT,
    semconv.STEP_NAME,
    semconv.STEP_RESULT,
)
ENTITY = {NAME: "deploy", UID: "77"}
SAID = {
    "a run whose resource says which": ({WORD: "success"}, ENTITY, {**ENTITY, WORD: "success"}),
    "a step of another trace": ({STEP: "a"}, ENTITY, {**ENTITY, STEP: "a"}),
    "a raw word of GitLab": ({STEP: "a", UID: 5, STEP_WORD: "canceled"}, {}, {STEP: "a", UID: 5, STEP_WORD: "cancellation"}),
    "a word in capitals": ({STEP: "a", STEP_WORD: "FAILED"}, {}, {STEP: "a", STEP_WORD: "failure"}),
    "a word that is a number": ({STEP: "a", STEP_WORD: 3}, {}, {STEP: "a", STEP_WORD: 3}),
    "a run of its own inside CI": ({NAME: "people"}, ENTITY, {NAME: "people"}),
    "a request served inside CI": ({"http.request.method": "GET"}, ENTITY, {"http.request.method": "GET"}),
    "anything else": ({"a": 1}, {"service.name": "b"}, {"a": 1}),
}


@pytest.mark.parametrize("case", SAID.values(), ids=SAID)
def test_official_words_are_found_where_others_put_them(case):
    attributes, resource, expected = case
    assert official(Utterance("x", False, StatusCode.UNSET, attributes, resource)) == expected


def test_a_step_with_a_parent_belongs_to_the_run_of_its_parent_whatever_its_resource_says():
    attributes = {STEP: "a", NAME: "people"}
    assert official(Utterance("x", True, StatusCode.UNSET, attributes, ENTITY)) == attributes


def test_a_span_inside_a_run_of_github_is_not_another_run():
    resource = {**ENTITY, semconv.GITHUB_RUN_STATUS: "success"}
    assert official(Utterance("x", True, StatusCode.UNSET, {}, resource)) == {}
