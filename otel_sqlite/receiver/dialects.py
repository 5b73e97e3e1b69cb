"""What others call runs and steps, in the words that the mapping knows. Pure.

Official words may stand on the resource, which speaks for every span of it. The collector's GitHub receiver puts there what
identifies a run, calls a job's pipeline by the name of the job, and has words of its own for results.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from opentelemetry.trace import StatusCode

from otel_sqlite import semconv

_Attributes = Mapping[str, object]

_RESULTS: Final = {
    "failed": "failure",
    "startup_failure": "error",
    "canceled": "cancellation",
    "cancelled": "cancellation",
    "timed_out": "timeout",
    "stale": "timeout",
    "skipped": "skip",
    "action_required": "skip",  # nobody approved, nothing ran
    "neutral": "success",
}
_ATTEMPT: Final = re.compile(r"/attempts/([0-9]{1,9})/?$")


class Utterance(NamedTuple):
    """What of a span may say that it is a run or a step."""

    name: str
    has_parent: bool
    status: StatusCode
    attributes: _Attributes
    resource: _Attributes


def official(span: Utterance) -> _Attributes:
    """The attributes of the span, with what its resource says of it, in official words; unchanged when it is neither."""
    attributes, resource = span.attributes, span.resource
    if semconv.STEP_NAME in attributes:
        # A parent leads to the right run, also in a process that itself is a step of another pipeline.
        run = {} if span.has_parent else _run(resource)
        return {**run, **attributes, **_result(semconv.STEP_RESULT, _step_word(span))}
    if semconv.PIPELINE_NAME in attributes or semconv.PIPELINE_NAME not in resource:
        return attributes
    if semconv.RUN_RESULT in attributes:
        return {**_run(resource), **attributes, **_result(semconv.RUN_RESULT, attributes[semconv.RUN_RESULT])}
    if _is_github_job(resource):
        return {semconv.STEP_NAME: span.name, **attributes, **_result(semconv.STEP_RESULT, _job_word(span))}
    if semconv.GITHUB_RUN_STATUS in resource and not span.has_parent:
        return {**_run(resource), **attributes, **_result(semconv.RUN_RESULT, resource[semconv.GITHUB_RUN_STATUS])}
    return attributes


def _run(resource: _Attributes) -> dict[str, object]:
    """The run that all spans of the resource belong to. A further attempt at a run of GitHub's has the same id."""
    if _is_github_job(resource):
        return {}
    run = {key: resource[key] for key in (semconv.PIPELINE_NAME, semconv.RUN_ID) if key in resource}
    earlier = _ATTEMPT.search(str(resource.get(semconv.GITHUB_PREVIOUS_ATTEMPT, "")))
    if earlier is not None and semconv.RUN_ID in run:
        run[semconv.RUN_ID] = f"{run[semconv.RUN_ID]}-{int(earlier[1]) + 1}"
    return run


def _is_github_job(resource: _Attributes) -> bool:
    # What became of a job is told as of a run when the word is not one of the usual four.
    return semconv.STEP_ID in resource and (semconv.GITHUB_STEP_STATUS in resource or semconv.GITHUB_RUN_STATUS in resource)


def _step_word(span: Utterance) -> object:
    if (word := span.attributes.get(semconv.STEP_RESULT)) is not None:
        return word
    word = span.attributes.get(semconv.GITHUB_STEP_STATUS)
    # A step that GitHub skipped is said to be a failure; its status knows better.
    return "skip" if word == "failure" and span.status is not StatusCode.ERROR else word


def _job_word(span: Utterance) -> object:
    if semconv.GITHUB_QUEUE_DURATION in span.attributes:  # its time in the queue went well, whatever became of the job
        return None
    return span.resource.get(semconv.GITHUB_STEP_STATUS, span.resource.get(semconv.GITHUB_RUN_STATUS))


def _result(key: str, word: object) -> dict[str, object]:
    if not isinstance(word, str):
        return {}
    return {key: _RESULTS.get(word.lower(), word.lower())}
