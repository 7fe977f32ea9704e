"""Settings of the publisher of alerts: a signed webhook, or Kafka. Without a publisher, the events stay in the
outbox."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from console.domain.setting_problems import SettingProblem
from console.settings.provider_access import SettingSource, parse_call_url
from console.settings.urls import parse_private_networks
from console.settings.value_parsers import RawSetting, make_bad_profile_error

WEBHOOK_KEY_NAME = "ALERTS_WEBHOOK_KEY"
MIN_WEBHOOK_KEY_CHARACTERS = 16  # characters
# A text, not a compiled pattern: `re` compiles it at its first use.
_KAFKA_BROKER_PATTERN = r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))(?::([0-9]{1,5}))?"


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Settings of the publisher of alerts.

    `webhook_url` is an https URL, or a URL on this machine; None without a webhook. `webhook_networks` are private
    networks (CIDR) in which the host of the webhook may be. `brokers` are the addresses of Kafka brokers as
    `host:port`.
    """

    webhook_url: str | None = None
    brokers: tuple[str, ...] = ()
    webhook_networks: tuple[str, ...] = ()

    @property
    def publisher_kind(self) -> Literal["webhook", "kafka"] | None:
        """The kind of the configured publisher of alerts; None if no publisher is configured."""
        return "webhook" if self.webhook_url else "kafka" if self.brokers else None

    def require_usable_publisher(self, get_secret: Callable[[str], str | None]) -> str:
        """Check that the configured publisher can work, and return the key that signs the webhook's messages ("" for
        Kafka and without a publisher). `get_secret` returns a secret by its name, None if it is missing.

        Raises ConsoleError `bad_profile` if the key is missing or too short, or if Kafka support isn't installed.
        """
        if self.brokers and find_spec("confluent_kafka") is None:
            raise make_bad_profile_error("CONSOLE_ALERTS_KAFKA_BROKERS", SettingProblem.KAFKA_SUPPORT_MISSING)
        key = (get_secret(WEBHOOK_KEY_NAME) or "") if self.webhook_url else ""
        if self.webhook_url and len(key) < MIN_WEBHOOK_KEY_CHARACTERS:
            raise make_bad_profile_error(
                f"CONSOLE_SECRET_{WEBHOOK_KEY_NAME}",
                SettingProblem.TOKEN_TOO_SHORT if key else SettingProblem.SETTING_MISSING,
            )
        return key


def read_alert_settings(setting_source: SettingSource) -> AlertSettings:
    """Return the settings of the publisher of alerts. Raises ConsoleError `bad_profile` for an invalid URL or broker,
    and if both a webhook and Kafka are configured."""
    private_networks_of_webhook = setting_source.get("ALERTS_WEBHOOK_NETWORKS", parse_private_networks, ())
    webhook = setting_source.get(
        "ALERTS_WEBHOOK_URL", lambda raw: parse_call_url(raw, private_networks_of_webhook), None
    )
    settings = AlertSettings(
        webhook, setting_source.get("ALERTS_KAFKA_BROKERS", parse_kafka_brokers, ()), private_networks_of_webhook
    )
    if settings.webhook_url and settings.brokers:
        raise make_bad_profile_error("CONSOLE_ALERTS_KAFKA_BROKERS", SettingProblem.TWO_ALERT_DESTINATIONS)
    return settings


def parse_kafka_brokers(raw: RawSetting) -> tuple[str, ...]:
    """Return the addresses of Kafka brokers in a text that separates them by commas. Raises ConsoleError
    `bad_profile` for an invalid address."""
    broker_addresses = tuple(part.strip() for part in raw.text.split(","))
    for broker in broker_addresses:
        match = re.fullmatch(_KAFKA_BROKER_PATTERN, broker)
        if match is None or not 0 < int(match[2] or 1) < 65536:
            raise raw.make_error(SettingProblem.INVALID_BROKERS)
    return broker_addresses
