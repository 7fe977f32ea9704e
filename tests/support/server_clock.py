"""Replaces the reads of the database server's clock, for tests that move the clocks of the desks."""

import pytest

from console.services.payments import probe as payment_probe
from console.services.payments import start, start_outcomes, timeouts
from console.services.refunds import outcomes, submit
from console.store.database.instants import convert_to_naive_utc
from console.store.records import evidence


def use_desk_time(patch: pytest.MonkeyPatch) -> None:
    """Replace the server's time by the desk's time, because a test can't move the clock of a real server. The desk's
    time is used for the expiry of payments, the times of probes and answers, and the time since a refund was sent.
    """
    for module in (start, start_outcomes, timeouts, payment_probe, submit, outcomes):
        patch.setattr(module, "read_current_time", lambda _conn, now: now)
    patch.setattr(evidence, "make_present_time_value", lambda _conn, now: convert_to_naive_utc(now))
