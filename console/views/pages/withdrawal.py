"""The button that withdraws a desk request while a call of this window waits for the worker's answer to it."""

from PySide6.QtCore import QTimer, Slot

from console.domain.errors import ErrorCode
from console.services.desk_requests.request_wait import RequestWait
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar

_REQUEST_STATE_REFRESH_INTERVAL_MS = 200
_BUTTON_APPEARS_AFTER_SECONDS = 0.4


class WithdrawButton(KeyButton):
    """The button that withdraws a desk request. It is visible while a call waits for a worker's answer, and enabled
    until a worker has taken the request.

    After a withdrawal, the waiting call ends with the failure `interrupted`. The label `wait_label` says that the
    call waits for a worker or, after a worker has taken the request, that the person can't withdraw it.
    `subject_title` names the record of the request in messages; "" if a dialog, over which the message is shown,
    names it.
    """

    def __init__(self, context: WindowContext, request_wait: RequestWait, *, subject_title: str) -> None:
        super().__init__(context.translate("action.withdraw_request"))
        self.wait_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._context, self._wait, self._subject_title = context, request_wait, subject_title
        self._withdrawn_request: str | None = None
        self._began_at = context.monotonic()
        self.clicked.connect(self._withdraw_request)
        self._timer = QTimer(self, interval=_REQUEST_STATE_REFRESH_INTERVAL_MS)
        self._timer.timeout.connect(self._show_request_state)
        self._timer.start()
        self.hide()
        self.wait_label.hide()

    @Slot()
    def _show_request_state(self) -> None:
        """Show the state of the desk request: it waits for a worker, or a worker has taken it. Show nothing in the
        first 0.4 s, because a worker answers most requests in that time.
        """
        wait, is_early = self._wait, self._context.monotonic() - self._began_at < _BUTTON_APPEARS_AFTER_SECONDS
        if wait.is_over:
            self._timer.stop()
        is_shown = wait.desk_request_id is not None and not wait.is_over and not is_early
        if is_shown and wait.is_taken:
            self.show_text(self._context.translate("action.withdraw_request"))
            reason_key = "reason.request_abandoned" if wait.is_abandoned else "reason.request_taken"
            self.disable_with_reason(self._context.translate(reason_key))
            self.wait_label.show_text(self.shown_reason)
        elif is_shown and self._withdrawn_request != wait.desk_request_id:
            self.enable_button()
            self.wait_label.show_text(self._context.translate("request.waits"))
        self.setVisible(is_shown)
        self.wait_label.setVisible(is_shown)

    @Slot()
    def _withdraw_request(self) -> None:
        request = self._wait.desk_request_id
        if request is None or self._wait.is_taken:
            return
        self._withdrawn_request = request
        self.set_busy(self._context.translate("request.withdrawing"))
        work = self._context.bind_services(lambda services: services.own_desk_requests.withdraw(request))
        self._context.runner.run(work, self._ignore_withdrawal_answer, self._show_failure, caller=self)

    def _ignore_withdrawal_answer(self, _is_withdrawn: bool) -> None:
        """Do nothing, because the waiting call reads from the database whether its request was withdrawn or taken."""

    def _show_failure(self, failure: Failure) -> None:
        """Enable the button again and show a toast, because the database did not answer and it is unknown whether
        the request was withdrawn."""
        self._withdrawn_request = None
        title = self._context.translate("request.not_withdrawn")
        self._context.show_failure_toast(failure, title, subject_title=self._subject_title)


def is_request_withdrawn(failure: Failure) -> bool:
    """Return True if the call has ended because the person withdrew its desk request, so that nothing was sent to
    a provider."""
    return failure.code == ErrorCode.INTERRUPTED and failure.detail.get("reason") == "withdrawn"


def make_withdrawn_bar(context: WindowContext, failure: Failure) -> NotificationBar:
    """Return a notification bar with the message of `failure`, with which the call has ended because the person has
    withdrawn its desk request."""
    return NotificationBar("", context.format_failure(failure), tone="text", icon_name="arrow_back")
