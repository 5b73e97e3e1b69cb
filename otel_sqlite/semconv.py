"""Names of attributes and events: the only place where such a literal occurs.

Source: OpenTelemetry semantic conventions 1.44, CI/CD (release candidate) and exceptions; read on 2026-11-23. They are copied
because the package that carries them moves names when they become stable.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

SCOPE: Final = "otel_sqlite"  # the instrumentation scope of our own spans

# Official, on spans.
PIPELINE_NAME: Final = "cicd.pipeline.name"
RUN_ID: Final = "cicd.pipeline.run.id"
RUN_STATE: Final = "cicd.pipeline.run.state"
RUN_RESULT: Final = "cicd.pipeline.result"
STEP_NAME: Final = "cicd.pipeline.task.name"
STEP_ID: Final = "cicd.pipeline.task.run.id"
STEP_RESULT: Final = "cicd.pipeline.task.run.result"
ERROR_TYPE: Final = "error.type"

# Official, on the exception event.
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# Official, on the resource.
SERVICE_NAMESPACE: Final = "service.namespace"

SERVICE_INSTANCE_ID: Final = "service.instance.id"
SERVICE_NAMES: Final = (
    SERVICE_NAMESPACE,
    "service.name",
    "service.version",
    "deployment.environment.name",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
)
HOST_NAME: Final = "host.name"
PROCESS_ID: Final = "process.pid"

# Official, on spans of HTTP clients, in the words of today and of before: instrumentations use both.
HTTP_METHODS: Final = ("http.request.method", "http.method")
HTTP_STATUS_CODES: Final = ("http.response.status_code", "http.status_code", "http.request.resend_count")
ADDRESSES: Final = ("url.full", "http.url")
HOSTS: Final = ("server.address", "net.peer.name", "http.host")
PORTS: Final = ("server.port", "net.peer.port")

# What the collector's GitHub receiver says in other words, on the resource or the span.
# Source: opentelemetry-collector-contrib, receiver/githubreceiver, 0.151 and before; read on 2026-11-23.
GITHUB_RUN_STATUS: Final = "cicd.pipeline.run.status"
GITHUB_STEP_STATUS: Final = "cicd.pipeline.run.task.status"
GITHUB_QUEUE_DURATION: Final = "cicd.pipeline.run.queue.duration"
GITHUB_PREVIOUS_ATTEMPT: Final = "cicd.pipeline.run.previous_attempt.url.full"

# Our own, where no official name exists.
OUTCOME: Final = "otel_sqlite.outcome"
CREATED: Final = "otel_sqlite.items.created"
UPDATED: Final = "otel_sqlite.items.updated"
SKIPPED: Final = "otel_sqlite.items.skipped"
FAILED: Final = "otel_sqlite.items.failed"
UNRECORDED: Final = "otel_sqlite.items.unrecorded"
ITEM_ID: Final = "otel_sqlite.item.id"
DETAIL: Final = "otel_sqlite.detail"
SUMMARY: Final = "otel_sqlite.summary"
END_REASON: Final = "otel_sqlite.end_reason"
SKIP_REASON: Final = "otel_sqlite.skip_reason"
DURATION_MS: Final = "otel_sqlite.duration_ms"
PARENT_RUN_ID: Final = "otel_sqlite.parent_run_id"

# Official values.
STATE_EXECUTING: Final = "executing"
RESULT_SUCCESS: Final = "success"
RESULT_FAILURE: Final = "failure"
RESULT_CANCELLATION: Final = "cancellation"
RESULT_SKIP: Final = "skip"
RESULT_ERROR: Final = "error"
RESULT_TIMEOUT: Final = "timeout"
METHOD_WORDS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY", "_OTHER")
