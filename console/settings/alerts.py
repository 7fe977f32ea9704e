"""Where alerts are published: a signed webhook or Kafka; neither means that they wait."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from console.domain.errors import ConsoleError
from console.setting_payments import Sources, call_url
from console.setting_urls import private_networks
from console.setting_values import Given

WEBHOOK_KEY = "ALERTS_WEBHOOK_KEY"
SHORTEST_KEY = 16  # characters
_BROKER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """`webhook`: an https address, or one on this machine; `brokers`: of Kafka, `host:port`. `webhook_networks`: the
    private networks (CIDR) into which the webhook may lead.
    """

    webhook: str | None = None
    brokers: tuple[str, ...] = ()
    webhook_networks: tuple[str, ...] = ()

    @property
    def way(self) -> Literal["webhook", "kafka"] | None:
        return "webhook" if self.webhook else "kafka" if self.brokers else None

    def check(self, secret: Callable[[str], str | None]) -> str:
        """What this way needs is here; the key of the webhook. Raises bad_profile."""
        if self.brokers and find_spec("confluent_kafka") is None:
            raise _refused("CONSOLE_ALERTS_KAFKA_BROKERS", "kafka_missing")
        key = (secret(WEBHOOK_KEY) or "") if self.webhook else ""
        if self.webhook and len(key) < SHORTEST_KEY:
            raise _refused(f"CONSOLE_SECRET_{WEBHOOK_KEY}", "token_short" if key else "missing")
        return key


def alert_settings(given: Sources) -> AlertSettings:
    """Raises bad_profile for an unfit address, and where both ways are given: an event is told in one."""
    networks = given.get("ALERTS_WEBHOOK_NETWORKS", private_networks, ())
    webhook = given.get("ALERTS_WEBHOOK_URL", lambda it: call_url(it, networks), None)
    found = AlertSettings(webhook, given.get("ALERTS_KAFKA_BROKERS", brokers, ()), networks)
    if found.webhook and found.brokers:
        raise _refused("CONSOLE_ALERTS_KAFKA_BROKERS", "one_of_two")
    return found


def brokers(given: Given) -> tuple[str, ...]:
    """Brokers between commas."""
    named = tuple(part.strip() for part in given.text.split(","))
    for one in named:
        found = _BROKER.fullmatch(one)
        if found is None or not 0 < int(found[2] or 1) < 65536:
            raise given.bad("broker_form")
    return named


def _refused(variable: str, problem: str) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": variable, "problem": problem})
