"""Tests that alerts are published to one webhook or to Kafka, and that unfit or incomplete settings of the two are
refused by name.
"""

from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.settings.alerts import AlertSettings
from console.settings.settings import Settings

REFUSED_SETTINGS = [
    ("ALERTS_WEBHOOK_URL", "http://example.com/alerts"), ("ALERTS_WEBHOOK_URL", "https://example.com"),
    ("ALERTS_WEBHOOK_URL", "https://u:p@example.com/a"), ("ALERTS_WEBHOOK_URL", "https://example.com/a?b=c"),
    ("ALERTS_WEBHOOK_URL", "https://10.0.0.5/a"), ("ALERTS_WEBHOOK_URL", "ftp://example.com/a"),
    *(("ALERTS_WEBHOOK_NETWORKS", text) for text in (
        "10.0.0.5/8", "0.0.0.0/0", "::/0", "127.0.0.0/8", "::1/128", "169.254.0.0/16", "169.254.169.254", "fe80::/10",
        "8.8.8.0/24", "10.0.0.0/7", "10.0.0.0/24,", "example.com",
    )),
    ("ALERTS_KAFKA_BROKERS", ","), ("ALERTS_KAFKA_BROKERS", "a:0"), ("ALERTS_KAFKA_BROKERS", "a:65536"),
    ("ALERTS_KAFKA_BROKERS", "https://a:9092"), ("ALERTS_KAFKA_BROKERS", "a b:1"),
]  # fmt: skip


def load_alert_settings(home: Path, **variables: str) -> Settings:
    return Settings.load({"CONSOLE_HOME": str(home)} | {f"CONSOLE_{name}": text for name, text in variables.items()})


def test_alerts_have_one_receiver_or_none(tmp_path: Path) -> None:
    """Alerts are published to a webhook or to Kafka brokers. If neither is set, they are not published."""
    assert load_alert_settings(tmp_path).alerts == AlertSettings()
    hook = load_alert_settings(tmp_path, ALERTS_WEBHOOK_URL="https://Example.com/alerts/v1").alerts
    assert (hook.publisher_kind, hook.webhook_url) == ("webhook", "https://example.com/alerts/v1")
    kafka = load_alert_settings(tmp_path, ALERTS_KAFKA_BROKERS="kafka-1:9092, [::1]:9093").alerts
    assert (kafka.publisher_kind, kafka.brokers) == ("kafka", ("kafka-1:9092", "[::1]:9093"))


def test_a_webhook_may_be_in_a_listed_private_network(tmp_path: Path) -> None:
    """A webhook's address may be in a private network that the settings list. An address in another private network,
    or an address without encryption, is refused.
    """
    networks = {"ALERTS_WEBHOOK_NETWORKS": "10.20.0.0/24, fd12::/48"}
    hook = load_alert_settings(tmp_path, ALERTS_WEBHOOK_URL="https://10.20.0.5:8443/a", **networks).alerts
    assert (hook.webhook_url, hook.webhook_networks) == ("https://10.20.0.5:8443/a", ("10.20.0.0/24", "fd12::/48"))
    for url in ("https://10.20.1.5/a", "https://169.254.169.254/a", "http://10.20.0.5/a"):
        with pytest.raises(ConsoleError) as refused:
            load_alert_settings(tmp_path, ALERTS_WEBHOOK_URL=url, **networks)
        assert refused.value.detail["variable"] == "CONSOLE_ALERTS_WEBHOOK_URL"


@pytest.mark.parametrize(("name", "text"), REFUSED_SETTINGS)
def test_an_unfit_address_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """An address that alerts may not be sent to is refused with the name of its variable when the settings are
    loaded.
    """
    with pytest.raises(ConsoleError) as refused:
        load_alert_settings(tmp_path, **{name: text})
    assert (refused.value.code, refused.value.detail["variable"]) == ("bad_profile", f"CONSOLE_{name}")


def test_webhook_and_kafka_together_are_refused(tmp_path: Path) -> None:
    """A webhook and Kafka brokers together are refused, because an event is published in one way only."""
    with pytest.raises(ConsoleError) as refused:
        load_alert_settings(tmp_path, ALERTS_WEBHOOK_URL="http://127.0.0.1:1/a", ALERTS_KAFKA_BROKERS="127.0.0.1:2")
    assert refused.value.detail["problem"] == "one_of_two"


def test_alert_settings_name_their_missing_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A webhook needs a key of 16 characters, and Kafka needs the optional package. If one is missing, the settings
    are refused with the name of the missing part.
    """
    hook, kafka = AlertSettings(webhook_url="https://example.com/a"), AlertSettings(brokers=("127.0.0.1:9",))
    assert hook.require_usable_publisher({"ALERTS_WEBHOOK_KEY": "x" * 16}.get) == "x" * 16
    assert kafka.require_usable_publisher(lambda _: None) == ""
    monkeypatch.setattr("console.settings.alerts.find_spec", lambda _: None)
    lacking = ((hook, None, "missing"), (hook, "x" * 15, "token_short"), (kafka, "", "kafka_missing"))
    for settings, secret, problem in lacking:
        with pytest.raises(ConsoleError) as refused:
            settings.require_usable_publisher(lambda _, secret=secret: secret)  # type: ignore[misc]  # of this turn
        assert refused.value.detail["problem"] == problem
