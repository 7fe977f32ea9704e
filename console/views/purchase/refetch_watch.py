"""Observes a re-fetch that another process runs, until it ends: reads its record repeatedly and reports the steps
that the re-fetch has taken."""

from datetime import datetime

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from console.domain.views.any_record import CreditCheckDetails
from console.views.presenters import credit_checks as words
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.wording.sentences import catalogue as wording

_READ_INTERVAL_MS = 1_000


class RefetchWatch(QObject):
    """Reads a credit check repeatedly while another call re-fetches it.

    Signals:
    - lines_read(object): the sentences about the steps that the re-fetch has taken so far, oldest first (a tuple of
      str).
    - ended(object): the re-fetch has ended; the argument is the CreditCheckDetails at this time.
    - failed(object): the program can't read the credit check; the argument is the Failure.
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
        self._timer.setInterval(_READ_INTERVAL_MS)
        self._timer.timeout.connect(self.read_credit_check)

    @Slot()
    def read_credit_check(self) -> None:
        """Read the credit check now. As long as the re-fetch runs, read it again after each pause of
        `_READ_INTERVAL_MS`."""
        record_id = self._record_id
        self._context.run_read(
            lambda services: services.credit_checks.read_credit_check(record_id),
            self._show_details,
            self.failed.emit,
            caller=self,
            key=("watch", "credit-check", record_id),
        )

    def stop(self) -> None:
        """Stop reading the record."""
        self._timer.stop()

    def _show_details(self, details: CreditCheckDetails) -> None:
        self.lines_read.emit(self._list_step_sentences(details))
        if details.holder is None:
            self.ended.emit(details)
        else:
            self._timer.start()

    def _list_step_sentences(self, details: CreditCheckDetails) -> tuple[str, ...]:
        """Return a sentence for each audit entry since the beginning of the re-fetch. Entries which only record that
        a person has opened the record or its PDF are left out."""
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


def find_person_and_start_of_refetch(failure: Failure) -> tuple[str, datetime | None] | None:
    """If a re-fetch was refused with `failure` because another call is working on the record, return the name of the
    person of that call, and the instant at which the call began (None if it isn't known). Return None if the re-fetch
    was refused for another reason."""
    holder, since = failure.detail.get("holder"), failure.detail.get("since")
    if not isinstance(holder, dict) or not holder.get("operator"):
        return None
    return str(holder["operator"]), since if isinstance(since, datetime) else None
