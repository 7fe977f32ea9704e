"""Named points at which a test may kill, break or hang this very process. Off unless the environment says so."""

import os
import signal
from collections import Counter
from threading import Event, Lock

NAMES = (
    "before_tx1", "after_tx1", "after_intent", "before_send", "after_send", "before_tx2", "after_tx2",
    "before_detail", "after_detail", "before_pdf", "after_pdf",
    "before_probe", "after_probe", "before_resolve", "after_resolve", "before_delivery", "after_delivery",
)  # fmt: skip

MONEY = (
    "before_request", "after_request", "before_vote", "after_vote",
    "before_notice_tx", "after_notice_tx", "before_confirm", "after_confirm", "before_notice_end",
    "before_order_move", "after_order_move",
)  # fmt: skip
"""Those of refunds and notices beside the pipeline's."""

SAGAS = (
    "before_saga", "after_saga",
    "before_ask_provider", "answered_ask_provider", "after_ask_provider",
    "before_expire_payment", "after_expire_payment", "before_cancel_order", "after_cancel_order",
    "before_release_stock", "after_release_stock", "before_undo_expire_payment", "after_undo_expire_payment",
)  # fmt: skip
"""Those around the beginning and each step of what follows when a payment's time has passed."""

BULK = ("before_bulk_row", "after_bulk_row")
"""Those around the act of one row of a bulk run, before its result is kept."""

PUBLISHING = ("before_publish", "after_publish")
"""Those around the sending of an event."""

ADOPTING = (
    "after_adopt_columns", "after_adopt_numbers", "after_adopt_duplicates", "after_adopt_rows", "after_adopt_index",
    "before_adopt_end",
)  # fmt: skip
"""Those of `db adopt`."""

RECONCILING = (
    "before_reconcile_row", "after_reconcile_row", "after_reconcile_batch", "before_reconcile_end",
)  # fmt: skip
"""Those of a reconciliation, at each row that changes something, at each batch, and at its end."""

TASKS = ("after_task_begin", "before_task_end")
"""Those of a scheduled task: once its row says that it has begun, and before it says that it has ended."""

EXPORTING = ("after_pack_written", "before_pack_named")
"""Those of an evidence pack, before its entry in the trail and before it has its name."""


class FailpointReached(RuntimeError):
    """What `raise` raises."""


class Failpoints:
    """Acts at the nth passing of one named point; does nothing at all otherwise."""

    def __init__(self, spec: tuple[str, int, str] | None) -> None:
        self._spec = spec
        self._seen: Counter[str] = Counter()
        self._lock = Lock()

    def reach(self, name: str) -> None:
        """Pass the point `name`."""
        if self._spec is None or name != self._spec[0]:
            return
        with self._lock:
            self._seen[name] += 1
            due = self._seen[name] == self._spec[1]
        if due:
            self._act(self._spec[2], name)

    def _act(self, action: str, name: str) -> None:
        if action == "kill":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if action == "hang":
            Event().wait()
        raise FailpointReached(name)
