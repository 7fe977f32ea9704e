"""The dialog that opens if a person closes the window while acting calls (writes, or requests to a provider) are
running."""

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QApplication, QWidget

from console.views.frame.main_window import WindowFrame
from console.views.widgets.base import IconLabel, TextLabel, make_column, make_row
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar

_RUNNING_CALLS_CHECK_INTERVAL_MS = 200
_MAX_NAMED_CALLS = 3


class RunningCallsDialog(DialogFrame):
    """The dialog that lists the acting calls (writes, or requests to a provider) that are still running, each with
    its record; of more than three calls, it lists three and the number of the others. If the
    person presses the dialog's main button, the dialog waits until all of these calls have ended, and then
    closes the window. If a call asks for the person's password instead, the window stays open.
    """

    def __init__(self, frame: WindowFrame) -> None:
        translate = frame.context.translate
        super().__init__(
            translate("dialog.leaving.title"),
            cancel_text=translate("dialog.leaving.stay"),
            main_button_text=translate("dialog.leaving.act"),
            hint=translate("dialog.leaving.hint"),
            close_name=translate("action.close"),
            parent=frame.window,
        )
        self._frame = frame
        unfinished_bar = NotificationBar("", translate("dialog.leaving.why"), tone="care", icon_name="warning")
        running_calls = frame.context.running_acting_calls
        call_texts = [running_call.label for running_call in running_calls[:_MAX_NAMED_CALLS]]
        if len(running_calls) > _MAX_NAMED_CALLS:
            call_texts.append(translate("dialog.leaving.more", n=len(running_calls) - _MAX_NAMED_CALLS))
        call_rows = [make_row(IconLabel("half_disc", "progress"), TextLabel(text), None) for text in call_texts]
        content = QWidget()
        content.setLayout(make_column(unfinished_bar, *call_rows, gap_px=8))
        self.show_content(content)
        self.main_button.clicked.connect(self._wait_for_running_calls)
        self._timer = QTimer(self, interval=_RUNNING_CALLS_CHECK_INTERVAL_MS)
        self._timer.timeout.connect(self._close_if_calls_ended)

    @Slot()
    def _wait_for_running_calls(self) -> None:
        self.main_button.set_busy(self._frame.context.translate("dialog.leaving.waiting"))
        self._timer.start()

    @Slot()
    def _close_if_calls_ended(self) -> None:
        if self._frame.context.running_acting_calls:
            return
        self._timer.stop()
        if QApplication.activeModalWidget() in (self, None):  # None: the lock hides the dialogs
            self.accept()
            self._frame.window.close()
        else:
            self.reject()  # the decision that needs the password isn't made yet


def open_running_calls_dialog(frame: WindowFrame) -> RunningCallsDialog:
    """Open the dialog with the running calls over the window, and return it."""
    dialog = RunningCallsDialog(frame)
    dialog.open()
    return dialog
