"""The clock of a database server in tests that move the clock of every desk."""

import pytest

from console.services.payments import start
from console.services.refunds import probe, submit


def move_with_desks(patch: pytest.MonkeyPatch) -> None:
    """Let the server's clock, by which starts judge earlier codes and probes the time since a refund was sent, go on
    with the clock of the desk that reads it. A real server's clock can't be moved."""
    for module in (start, submit, probe):
        patch.setattr(module, "read_current_time", lambda _conn, now: now)
