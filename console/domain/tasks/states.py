"""States of sagas and stock reservations. They are separate from the records, so that code that needs only the states
imports less.
"""

from enum import StrEnum


class SagaState(StrEnum):
    """State of a saga."""

    RUNNING = "running"
    DONE = "done"
    COMPENSATED = "compensated"
    STUCK = "stuck"
    """The saga can't do its present step and hasn't ended: it waits until a person has removed the cause."""


class StockState(StrEnum):
    """State of a stock reservation."""

    HELD = "held"
    RELEASED = "released"
    USED = "used"
