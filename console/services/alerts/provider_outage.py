"""An alert for each provider that gives no usable answer, one for all that wait for it; it resolves itself."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zlib import crc32

from sqlalchemy import Connection

from console.domain.dates import instant_text
from console.services.desk import Desk
from console.services.figures import heard, is_call
from console.store import alerts, figures
from console.store.engine import Transaction

RULE, KIND = "provider_away", "provider"
LOOK_BACK = timedelta(days=2)
"""Calls are spread by their back-off: a day at most lies between two of one record."""
CALLS, PATIENCE = 3, timedelta(minutes=10)
"""So many in a row without a usable answer, the first of them so long ago: then people are told."""
_MOST = 1_000


def number_of(provider: str) -> int:
    """Alerts are about records with numbers; a provider's is made of its name, the same on every desk."""
    return crc32(provider.encode())


class ProvidersAway:
    """Reads what is kept of calls as evidence, so it doesn't matter which worker made them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def look(self) -> int:
        """Tell of who is away since the last look, and of who is back; how many alerts that were."""
        desk = self._desk
        with desk.database.read() as conn:
            silent = _silent(conn, desk.now())
            told = {alert.subject_id for alert in alerts.open_by_rule(conn, RULE, _MOST)}
        away = {name: since for name, since in silent.items() if since is not None and self._is_away(*since)}
        fresh = [name for name in sorted(away) if number_of(name) not in told]
        back = [name for name, since in sorted(silent.items()) if since is None and number_of(name) in told]
        if fresh or back:
            desk.write(lambda tx: self._tell(tx, {name: away[name][0] for name in fresh}, back))
        return len(fresh) + len(back)

    def _is_away(self, since: datetime, calls: int) -> bool:
        return calls >= CALLS and self._desk.now() - since >= self._desk.scale.delta(PATIENCE)

    def _tell(self, tx: Transaction, away: Mapping[str, datetime], back: list[str]) -> None:
        now = self._desk.now()
        for name, since in away.items():
            observed = f"{name}: no usable answer since {instant_text(since)}"
            alerts.raise_(tx.conn, RULE, KIND, number_of(name), None, observed, "answers", now)
        numbers = {number_of(name) for name in back}
        for alert in alerts.open_by_rule(tx.conn, RULE, _MOST):
            if alert.subject_id in numbers:
                alerts.resolve(tx.conn, alert.id, now)


def _silent(conn: Connection, now: datetime) -> dict[str, tuple[datetime, int] | None]:
    """Since when each provider has given no usable answer, and to how many calls; None: its last one was usable."""
    found: dict[str, tuple[datetime, int] | None] = {}
    ended: set[str] = set()
    for at, provider, fine in _calls(conn, now):
        if fine:
            found.setdefault(provider, None)
            ended.add(provider)
        elif provider not in ended:
            before = found.get(provider)
            found[provider] = (at, before[1] + 1 if before else 1)
    return found


def _calls(conn: Connection, now: datetime) -> Iterator[tuple[datetime, str, bool]]:
    """The newest first."""
    for at, source, summary in figures.calls(conn, now - LOOK_BACK):
        if is_call(source):
            yield at, source.partition(".")[0], heard(summary)[1]
