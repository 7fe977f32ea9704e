"""Watch a re-fetch that another process runs: what it has done so far, until it ends."""

from datetime import datetime

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.domain.views.any_record import CreditCheckDetails
from console.views.presenters import credit_checks as words
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.wording.sentences import catalogue as wording

_POLL_MILLISECONDS = 1_000


class RefetchWatch(QObject):
    """Reads a credit check again and again while somebody's re-fetch of it runs.

    Signals:
    - lines_read(object): the sentences about what the re-fetch has done so far, oldest first (a tuple of str).
    - ended(object): the re-fetch has ended; the argument is the CreditCheckDetails as they are now.
    - failed(object): the record can't be read; the argument is the Failure.
    """

    lines_read = Signal(object)
    ended = Signal(object)
    failed = Signal(object)

    def __init__(self, context: WindowContext, record_id: int, since: datetime | None, parent: QObject) -> None:
        """`since` is the instant at which the re-fetch began; None if it isn't known."""
        super().__init__(parent)
        self._context, self._record_id, self._since = context, record_id, since
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._timer.timeout.connect(self.read)

    @Slot()
    def read(self) -> None:
        """Read the record now. As long as the re-fetch runs, it is read again after _POLL_MILLISECONDS."""
        record_id = self._record_id
        self._context.run_read(
            lambda services: services.credit_checks.read_credit_check(record_id),
            self._show_details,
            self.failed.emit,
            caller=self,
            key=("watch", "credit-check", record_id),
        )

    def stop(self) -> None:
        """Read no more."""
        self._timer.stop()

    def _show_details(self, details: CreditCheckDetails) -> None:
        self.lines_read.emit(self._list_lines(details))
        if details.holder is None:
            self.ended.emit(details)
        else:
            self._timer.start()

    def _list_lines(self, details: CreditCheckDetails) -> tuple[str, ...]:
        """Return a sentence for each audit entry since the beginning of the re-fetch, without those about reading."""
        entries = (
            entry
            for entry in details.timeline
            if (self._since is None or entry.at >= self._since) and not entry.what.endswith(("opened", "pdf_read"))
        )
        context = self._context
        return tuple(
            context.translate(
                "dialog.refetch.watch_line",
                at=entry.at,
                who=words.get_actor_name(entry.actor, context),
                what=wording.format_audit_entry(entry, context.language),
            )
            for entry in entries
        )


def find_running_refetch(failure: Failure) -> tuple[str, datetime | None] | None:
    """Return the person whose call on the record refused a re-fetch, and the instant at which it began; None if the
    refusal has another reason."""
    holder, since = failure.detail.get("holder"), failure.detail.get("since")
    if not isinstance(holder, dict) or not holder.get("operator"):
        return None
    return str(holder["operator"]), since if isinstance(since, datetime) else None
