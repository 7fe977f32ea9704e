"""States of sagas and stock reservations. They are in a module of their own, so that code that needs only the states
imports less.
"""

from enum import StrEnum


class SagaState(StrEnum):
    """State of a saga. RUNNING: it has steps to do; STUCK: it can't do its present step until a person has removed
    the cause; DONE: all steps were done, or those that were not done are no longer needed; COMPENSATED: those steps
    that were done and can be undone are undone again.
    """

    RUNNING = "running"
    DONE = "done"
    COMPENSATED = "compensated"
    STUCK = "stuck"
    """The saga can't do its present step and hasn't ended: it waits until a person has removed the cause."""


class StockState(StrEnum):
    """State of a stock reservation. HELD: its order waits for the payment; USED: the order was paid; RELEASED: the
    reserved stock is free again."""

    HELD = "held"
    RELEASED = "released"
    USED = "used"
