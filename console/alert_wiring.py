"""Where alerts are published, as a desk's settings say: part of the composition root, made when first asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.domain.publishing import Publisher
    from console.services.desk import Desk


def open_publisher(desk: "Desk") -> "Publisher | None":
    """None where nobody is told. Nothing is sent. Raises bad_profile naming what is missing or unfit."""
    alerts = desk.settings.alerts
    key = alerts.check(desk.settings.secret)
    if alerts.webhook is not None:
        from console.providers.alert_webhook import AlertWebhook

        return AlertWebhook(alerts.webhook, key, clock=desk.clock, scale=desk.scale, private=alerts.webhook_networks)
    if alerts.brokers:
        from console.providers.alert_kafka import AlertKafka

        return AlertKafka(alerts.brokers)
    return None
