import asyncio
import logging

import pytest

from pipelines.errors import LapostaError
from pipelines.flow import optional
from pipelines.result import ErrorRecord


def test_a_run_goes_on_after_an_optional_step_failed_and_knows_of_it(caplog):
    failures = []

    with optional(failures, "photo-download"):
        raise LapostaError("upsert subscriber", subject="fenna@voorbeeld.example", status=400, reason="no Fenna")

    message = 'laposta: upsert subscriber fenna@voorbeeld.example: 400, "no Fenna"'
    assert failures == [ErrorRecord(message=message, system="photo-download")]
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "photo-download failed, the run goes on: laposta: upsert subscriber: 400")
    ]


def test_the_text_of_an_error_that_is_not_ours_stays_out_of_the_log(caplog):
    failures = []

    with optional(failures, "reverse-sync"):
        raise KeyError("fenna@voorbeeld.example")

    assert failures == [ErrorRecord(message="'fenna@voorbeeld.example'", system="reverse-sync")]
    assert [record.getMessage() for record in caplog.records] == [
        "reverse-sync failed, the run goes on: KeyError (otel-sqlite errors shows more)"
    ]


def test_an_error_without_a_text_is_named_by_its_type():
    failures = []

    with optional(failures, "reverse-sync"):
        raise ValueError

    assert failures == [ErrorRecord(message="ValueError", system="reverse-sync")]


def test_a_step_that_succeeds_leaves_no_trace(caplog):
    failures = []

    with optional(failures, "photo-download"):
        pass

    assert (failures, caplog.records) == ([], [])


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_what_ends_a_run_is_not_held_back(ending):
    failures = []

    with pytest.raises(ending), optional(failures, "photo-download"):
        raise ending

    assert failures == []
