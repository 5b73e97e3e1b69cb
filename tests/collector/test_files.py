import re
import subprocess

import pytest
import yaml

from otel_sqlite import privacy
from tests.collector.machines import CONFIG, KEY, ROOT

SET = {
    "DASHBOARD_OTLP_ENDPOINT": "http://127.0.0.1:1",
    "BACKEND_OTLP_ENDPOINT": "http://127.0.0.1:2",
    "OTEL_SQLITE_HASH_KEY": KEY,
}


@pytest.fixture(scope="session")
def config():
    return yaml.safe_load(CONFIG.read_text())


@pytest.fixture
def validate(binary):
    """What the collector says about the configuration in an environment; the empty text: it is right."""

    def validated(**environment):
        command = [binary, "validate", "--config", CONFIG]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stderr

    return validated


def test_the_collector_understands_its_configuration(validate):
    assert validate(**SET) == ""


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("DASHBOARD_OTLP_ENDPOINT", "exporters::otlp_http/dashboard: at least one endpoint must be specified"),
        ("BACKEND_OTLP_ENDPOINT", "exporters::otlp_http/backend: at least one endpoint must be specified"),
        ("OTEL_SQLITE_HASH_KEY", "processors::redaction/external: hmac_key must not be empty"),
    ],
)
def test_without_what_only_the_environment_knows_it_does_not_start(validate, name, complaint):
    assert complaint in validate(**{**SET, name: ""})


def test_it_does_not_hash_with_a_key_that_is_short(validate):
    assert "hmac_key must be at least 32 bytes long" in validate(**{**SET, "OTEL_SQLITE_HASH_KEY": "short"})


def test_it_has_the_components_that_the_configuration_uses_and_no_others(binary, config):
    said = yaml.safe_load(subprocess.run([binary, "components"], capture_output=True, text=True, check=True, timeout=60).stdout)
    kinds = ("receivers", "processors", "exporters", "extensions")
    has = {kind: {component["name"] for component in said[kind]} for kind in kinds}
    assert has == {kind: {name.partition("/")[0] for name in config[kind]} for kind in kinds}
    assert (said["connectors"], {provider["scheme"] for provider in said["providers"]}) == ([], {"env", "file"})


def test_no_name_in_the_configuration_is_out_of_date(collector):
    collector.start()
    assert "deprecated" not in collector.log


def test_every_exporter_keeps_what_it_could_not_send_on_disk_and_never_gives_up(config):
    for exporter in config["exporters"].values():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
        assert exporter["sending_queue"]["storage"] in config["service"]["extensions"]


def test_every_road_but_the_one_to_the_dashboard_takes_out_what_is_personal(config):
    roads = config["service"]["pipelines"]
    assert {tuple(road["processors"]) for name, road in roads.items() if name != "traces/dashboard"} == {
        ("memory_limiter", "filter/external", "redaction/external", "transform/external")
    }
    assert roads["traces/dashboard"]["exporters"] == ["otlp_http/dashboard"]


def test_no_attribute_leaves_by_the_collector_that_would_not_leave_without_it(config):
    allowed = {*privacy._ON_SPANS, *privacy._ON_EVENTS, *privacy._ON_RESOURCES}
    assert set(config["processors"]["redaction/external"]["allowed_keys"]) - allowed == set()


def test_the_guide_names_every_variable_and_no_other():
    names = set(re.findall(r"\$\{env:(\w+)", CONFIG.read_text()))
    guide = (ROOT / "collector-config" / "README.md").read_text()
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", guide, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == names
