"""The demo's days to reconcile: what only the gateway has, its announced files, and one day that was compared."""

import json
import random
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from console.domain.dates import JST
from console.domain.order_records import NoticePost

if TYPE_CHECKING:
    from console.app import Console
    from console.sandbox import Sandbox

_YEN = (1_980, 4_400, 7_700, 15_400)
_DAYS = (2, 1)
"""So many days ago; the first of them is compared, the last is there to begin with."""
_ONLY_THEIRS = 2


def history(console: "Console", sandbox: "Sandbox", seed: int, now: datetime, operator: str) -> None:
    """Two days whose files are announced. `operator` has compared the older one; who acts compares the newer."""
    days = [(now.astimezone(JST) - timedelta(days=back)).date() for back in _DAYS]
    for day in days:
        _only_theirs(sandbox, random.Random(f"reconcile {seed} {day}"), day)  # noqa: S311 - repeatable on purpose
        _announce(console, sandbox, day)
    with console.acting(operator):
        console.reconciliation.run("paypay", days[0], days[0])


def _only_theirs(sandbox: "Sandbox", drawn: random.Random, day: date) -> None:
    """Payments of that day's afternoon that the gateway alone has."""
    for serial in range(_ONLY_THEIRS):
        at = datetime.combine(day, time(16 + serial, drawn.randrange(60)), JST).astimezone(UTC)
        number, minor = f"ORD-{day:%Y%m%d}-9{drawn.randrange(10**5):05d}", drawn.choice(_YEN)
        sandbox.control.money.know("paypay", number, minor, "paid", at=at.isoformat())


def _announce(console: "Console", sandbox: "Sandbox", day: date) -> None:
    """The gateway says that the day's file is there, as its notice does."""
    url = sandbox.control.money.recon(day.isoformat(), notify=False)
    told = {
        "notification_type": "file.created", "notification_id": str(uuid.uuid4()), "fileType": "transaction_recon",
        "path": url, "requestedAt": "1",
    }  # fmt: skip
    console.payments.notice(NoticePost("paypay", json.dumps(told).encode(), (), "127.0.0.1"))
