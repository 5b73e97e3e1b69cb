"""The environment is read once, and nonsense in it is reported and passed over."""

import logging
from pathlib import Path

import pytest

from otel_sqlite.settings import Sending, Settings, calling_run_id, has_collector, is_strict, trace_carrier


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    monkeypatch.delenv("OTEL_SQLITE_EXIT_TIMEOUT")


def test_without_any_setting_there_are_defaults(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env() == Settings(
        path=tmp_path / "data/dashboard.sqlite", retention_days=400, exit_timeout_s=5.0, strict=False, otlp=False
    )


def test_every_setting_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv("OTEL_SQLITE_PATH", str(tmp_path / "runs.sqlite"))
    monkeypatch.setenv("OTEL_SQLITE_RETENTION_DAYS", "30")
    monkeypatch.setenv("OTEL_SQLITE_EXIT_TIMEOUT", " 0 ")
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
    assert Settings.from_env() == Settings(
        path=tmp_path / "runs.sqlite", retention_days=30, exit_timeout_s=0.0, strict=True, otlp=True
    )


def test_a_path_in_the_program_wins_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("OTEL_SQLITE_PATH", str(tmp_path / "environment.sqlite"))
    assert Settings.from_env(tmp_path / "program.sqlite").path == tmp_path / "program.sqlite"


def test_an_empty_setting_is_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("PATH", "RETENTION_DAYS", "EXIT_TIMEOUT", "STRICT"):
        monkeypatch.setenv(f"OTEL_SQLITE_{name}", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    assert Settings.from_env() == Settings(path=tmp_path / "data/dashboard.sqlite")


def test_a_relative_path_stays_where_it_was_read(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env("runs.sqlite")
    monkeypatch.chdir("/")
    assert settings.path == tmp_path / "runs.sqlite"


def test_a_home_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.from_env("~/runs.sqlite").path == tmp_path / "runs.sqlite"


def test_a_home_that_nobody_has_is_a_folder_of_that_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env("~nobody-of-this-name/runs.sqlite").path == tmp_path / "~nobody-of-this-name/runs.sqlite"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/runs.sqlite", "runs.sqlite"])
def test_a_path_that_cannot_be_made_absolute_is_kept(monkeypatch, tmp_path, path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Settings.from_env(path).path == Path(path)


@pytest.mark.parametrize("value", ["abc", "-1", "nan", "inf", "1e99", "5s"])
@pytest.mark.parametrize(("name", "least", "default"), [("RETENTION_DAYS", 1, 400), ("EXIT_TIMEOUT", 0, 5.0)])
def test_a_senseless_number_is_reported_and_its_default_used(monkeypatch, caplog, name, least, default, value):  # noqa: PLR0913, PLR0917 - a table
    monkeypatch.setenv(f"OTEL_SQLITE_{name}", value)
    settings = Settings.from_env()
    assert (settings.retention_days, settings.exit_timeout_s) == (400, 5.0)
    assert caplog.record_tuples == [
        (
            "otel_sqlite.settings",
            logging.WARNING,
            f"OTEL_SQLITE_{name}={value!r} is not a number of {least} or more: {default:g} is used instead",
        )
    ]


def test_nothing_is_kept_for_less_than_a_day(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_SQLITE_RETENTION_DAYS", "0")
    assert Settings.from_env().retention_days == 400
    assert "is not a number of 1 or more" in caplog.text


def test_a_link_leads_to_the_file_itself(tmp_path):
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "real.sqlite")
    assert Settings.from_env(tmp_path / "link.sqlite").path == (tmp_path / "real.sqlite").resolve()


@pytest.mark.parametrize(
    ("value", "strict"), [("1", True), ("TRUE", True), (" yes ", True), ("on", True), ("0", False), ("no", False), ("?", False)]
)
def test_strict_is_said_in_words_or_numbers(monkeypatch, value, strict):
    monkeypatch.setenv("OTEL_SQLITE_STRICT", value)
    assert is_strict() is strict


def test_the_trace_context_of_a_calling_process_is_a_carrier(monkeypatch):
    assert trace_carrier() == {}
    monkeypatch.setenv("TRACEPARENT", "00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    monkeypatch.setenv("TRACESTATE", "a=b")
    assert trace_carrier() == {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01", "tracestate": "a=b"}


def test_spans_are_sent_privately_over_http_unless_told(monkeypatch):
    assert Sending.from_env() == Sending(protocol="http/protobuf", is_private=True, hash_key=None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", " GRPC ")
    monkeypatch.setenv("OTEL_SQLITE_PRIVACY", "Off")
    monkeypatch.setenv("OTEL_SQLITE_HASH_KEY", " sixteen letters! ")
    assert Sending.from_env() == Sending(protocol="grpc", is_private=False, hash_key=b"sixteen letters!")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
    assert Sending.from_env().protocol == "http/protobuf"


def test_the_key_of_the_hashes_is_not_shown():
    assert "sixteen" not in repr(Sending(hash_key=b"sixteen letters!"))


def test_a_key_may_be_any_bytes(monkeypatch):
    monkeypatch.setenv("OTEL_SQLITE_HASH_KEY", "\udcff" * 16)
    assert Sending.from_env().hash_key == b"\xff" * 16


def test_the_run_that_started_this_process_is_known_if_it_said_so(monkeypatch):
    monkeypatch.setenv("OTEL_SQLITE_PARENT_RUN_ID", "")
    assert calling_run_id() is None
    monkeypatch.setenv("OTEL_SQLITE_PARENT_RUN_ID", "1234")
    assert calling_run_id() == "1234"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_there_is_a_collector_where_either_variable_names_one(name):
    assert has_collector({name: "http://127.0.0.1:4318"})
    assert not has_collector({name: " "})
    for exporters, is_sent in {" ": True, "console, otlp": True, "none": False, "sqlite,console": False}.items():
        assert has_collector({name: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": exporters}) is is_sent
    assert not has_collector({})
