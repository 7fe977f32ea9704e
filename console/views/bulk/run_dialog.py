"""The base class of the bulk dialog: it shows the progress of a run, which any process may execute, and has
buttons that stop, resume or discard the run."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import is_same_person
from console.domain.bulk.records import BulkProgress, BulkRunWithHolder
from console.domain.tasks.records import BulkAction, BulkRun
from console.views.bulk.dialog_pages import BulkProgressPage
from console.views.pages.permission_buttons import block_button_while_read_only, change_right_of_blocked_button
from console.views.presenters import credit_checks as record_words
from console.views.runtime.announcer import announce, join_spoken_text
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure, TaskHandle
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import make_column
from console.views.widgets.window.dialog import DialogFrame

if TYPE_CHECKING:
    from console.app import Console

_PROGRESS_READ_INTERVAL_MS = 400


class BulkRunDialog(DialogFrame):
    """Base class of the dialog of a bulk run: it shows the progress and has buttons that stop, resume or discard the
    run. A subclass implements `show_dry_run`. `run` is the run as the dialog last read it, None before it was read;
    `task` is the handle of the execution if this window executes the run."""

    is_wide = True

    def __init__(self, context: WindowContext, parent: QWidget, action: BulkAction) -> None:
        super().__init__(
            " ",
            cancel_text=context.translate("action.cancel"),
            main_button_text=" ",
            close_name=context.translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, action.value)
        self._context, self._action = context, action
        self.run: BulkRun | None = None
        self.progress_page: BulkProgressPage | None = None
        self.task: TaskHandle | None = None
        self._is_reading_progress = self._is_main_button_delayed = False
        self._shown_run_state, self._button_meaning_number = "", 0
        self._timer = QTimer(self, interval=_PROGRESS_READ_INTERVAL_MS)
        self._timer.timeout.connect(self._read_progress)
        self.main_button.clicked.connect(self._call_button_function)
        self._button_function: Callable[[], None] = _do_nothing

    def show_dry_run(self, run: BulkRun) -> None:
        """Make the dry run of the rows that are not executed yet, and show its plan. Abstract: the subclass
        implements it."""
        raise NotImplementedError  # the dialog of the bulk plan overrides it; its module imports this one

    # -- the main button's meaning

    @Slot()
    def _call_button_function(self) -> None:
        """Call the function that `set_main_button` has stored for the main button."""
        self._button_function()

    @Slot()
    def fit_size(self) -> None:
        """Set the height that the content needs and centre the dialog over the window again, because the heights
        of the plan and the results differ much."""
        old_height, parent = self.height(), self.parentWidget()
        super().fit_size()
        if self.isVisible() and parent is not None and self.height() != old_height:
            frame = self.geometry()
            frame.moveCenter(parent.window().geometry().center())
            self.move(frame.topLeft())

    @Slot()
    def _enable_main_button(self) -> None:
        super()._enable_main_button()
        if self._is_main_button_delayed:
            self.main_button.setEnabled(False)

    def set_main_button(
        self, text: str, on_press: Callable[[], None], *, is_allowed_while_read_only: bool = False
    ) -> None:
        """Show the dialog's main button with this text; a press calls `on_press`. The button is enabled only after a
        short delay, so that the second click of a double click on the previous button doesn't call `on_press`. A
        read-only switch that stops the action of the run blocks the button, unless `is_allowed_while_read_only` is
        True."""
        change_right_of_blocked_button(self.main_button, "" if is_allowed_while_read_only else self._action.value)
        self._button_function, self._is_main_button_delayed = _do_nothing, True
        self.main_button.show_text(text)
        self.main_button.show_key("")
        self.main_button.setVisible(True)
        self.main_button.setEnabled(False)

        self._button_meaning_number += 1
        meaning_number = self._button_meaning_number

        def allow_press() -> None:
            if meaning_number != self._button_meaning_number:
                return  # the button has another meaning by now
            self._button_function, self._is_main_button_delayed = on_press, False
            if not self._disabled_reason and not self.is_busy:
                self.main_button.enable_button()

        QTimer.singleShot(tokens().px("motion", "acting_button_off_ms"), self, allow_press)

    # -- progress and result

    def watch_run(self, run: BulkRun) -> None:
        """Show the run, which this window or another process may execute, and read its progress every 0.4 seconds
        until it stops."""
        context, translate = self._context, self._context.translate
        self.run = run
        self.show_title(
            translate("bulk.run.title", name=run.name, action=run.action.value),
            translate(
                "bulk.run.subtitle", who=record_words.get_actor_name(run.made_by, context), at=run.made_at, n=run.size
            ),
        )
        self.progress_page = BulkProgressPage(context, run)
        self.progress_page.discard_requested.connect(self._discard_run)
        self.show_widgets_in_column(self.progress_page)
        self.cancel_button.show_text(translate("action.close"))
        self.hint.show_text("")
        self.main_button.hide()
        self._shown_run_state = ""
        self._timer.start()
        self._read_progress()

    @property
    def is_running_here(self) -> bool:
        """True if this window executes the run."""
        return self.task is not None and self.task.state in ("waiting", "running")

    @Slot()
    def _read_progress(self) -> None:
        """Read the run and its result counts from the database in a background thread, then show them. Do nothing
        while an earlier call of this method is still reading."""
        if self._is_reading_progress or self.progress_page is None or self.run is None:
            return
        self._is_reading_progress, run_id = True, self.run.id

        def read_run_and_progress(services: "Console") -> tuple[BulkRunWithHolder, BulkProgress]:
            return services.bulk_runs.read_run_with_holder(run_id), services.bulk_runs.read_progress(run_id)

        self._context.run_read(read_run_and_progress, self._show_progress, self._show_progress_failure, caller=self)

    def _show_progress(self, item_and_progress: tuple[BulkRunWithHolder, BulkProgress]) -> None:
        run_item, bulk_progress = item_and_progress
        self._is_reading_progress, self.run = False, run_item.run
        if self.progress_page is None:
            return
        is_running_here = self.is_running_here
        self.progress_page.show_run(run_item, bulk_progress, is_running_here=is_running_here)
        is_running = is_running_here or run_item.run.state == "running"
        if not is_running:
            self._timer.stop()
        self._show_run_button(run_item.run, is_running=is_running)

    def _show_run_button(self, run: BulkRun, *, is_running: bool) -> None:
        """Show the button for the action that the run's state allows: stop for a running run, resume for a stopped
        one, no button after the end. Do nothing if the button for this state is already shown. `is_running` is
        True if a process executes the run.
        """
        run_state = "running" if is_running else run.state
        if run_state == self._shown_run_state or self.progress_page is None:
            return
        self._shown_run_state = run_state
        translate = self._context.translate
        self._show_discard_button(run, run_state)
        disabled_reason = self._context.find_lost_connection_reason() or self._context.find_missing_right_reason(
            run.action.value
        )
        if run_state == "done":
            self.main_button.hide()
            self.cancel_button.setFocus()
        elif run_state == "running":
            self._disabled_reason = disabled_reason
            self.set_main_button(translate("bulk.stop"), self._stop_run, is_allowed_while_read_only=True)
        else:
            self._disabled_reason = disabled_reason or self._find_resume_disabled_reason(run)
            self.set_main_button(translate("bulk.go_on"), self._resume_run)
        if self._disabled_reason and run_state != "done":
            self.disable_main_button(self._disabled_reason)

    def _show_discard_button(self, run: BulkRun, state: str) -> None:
        """Show the button that discards the open rows, but hide it while `state` is "running" or "done". `state` is
        "running" while a process executes the run, otherwise the stored state of the run. The button is enabled only
        for the person who created the run."""
        if self.progress_page is None:
            return
        self.progress_page.discard_button.setVisible(state not in ("running", "done"))
        if is_same_person(run.made_by, self._context.operator or ""):
            self.progress_page.discard_button.enable_button()
        else:
            self.progress_page.discard_button.disable_with_reason(
                self._context.translate("error.not_allowed.bulk_discard", maker=run.made_by)
            )

    def _find_resume_disabled_reason(self, run: BulkRun) -> str:
        """Return a sentence with the reason why the acting person can't resume the run; "" if the person can. A run
        whose action is "take" or "note" can be resumed only by the person who created it; the sentence names this
        person."""
        is_own = run.action not in (BulkAction.TAKE, BulkAction.NOTE) or is_same_person(
            run.made_by, self._context.operator or ""
        )
        return "" if is_own else self._context.translate("bulk.go_on_maker", maker=run.made_by)

    def _show_progress_failure(self, failure: Failure) -> None:
        self._is_reading_progress = False
        if self.progress_page is not None:
            self.hint.show_text(self._context.format_failure(failure))

    def _stop_run(self) -> None:
        if self.run is None:
            return
        run_id, run_name = self.run.id, self.run.name
        self.main_button.set_busy(self._context.translate("bulk.stopping"))
        self._context.run_acting_call(
            lambda services, request_id: services.bulk_runs.stop(run_id, request_id=request_id),
            lambda _run: None,
            self._show_refusal,
            caller=self,
            label=self._context.translate("act.about", title=run_name, message=self._context.translate("bulk.stop")),
            make_toast=lambda run: Toast(self._context.translate("bulk.stop"), subject_title=run.name),
            attempt=("bulk stop", run_id),
            provider="",
        )

    def _resume_run(self) -> None:
        if self.run is not None:
            self.show_dry_run(self.run)

    @Slot()
    def _discard_run(self) -> None:
        if self.run is None:
            return
        run_id, run_name = self.run.id, self.run.name
        self._context.run_acting_call(
            lambda services, request_id: services.bulk_runs.discard(run_id, request_id=request_id),
            lambda _run: self._read_progress(),
            self._show_refusal,
            caller=self,
            label=self._context.translate(
                "act.about", title=run_name, message=self._context.translate("bulk.discard")
            ),
            make_toast=lambda run: Toast(self._context.translate("bulk.discard"), subject_title=run.name),
            attempt=("bulk discard", run_id),
            provider="",
        )

    def _show_refusal(self, failure: Failure) -> None:
        self.hint.show_text(self._context.format_failure(failure))
        self._shown_run_state = ""
        self._read_progress()

    def show_run_end(self, toast: Toast) -> None:
        """Show the results after this window has executed the run: in the dialog or, if the dialog is closed, in
        `toast`. In both cases screen readers and the list of messages get the text of the toast."""
        if shiboken6.isValid(self):
            self._read_progress()
            sentence = join_spoken_text(toast.message, toast.detail)
            announce(self, sentence, icon_name=toast.icon_name, tone=toast.tone)
        else:
            self._context.toast_requested.emit(toast)

    def show_run_refusal(self, failure: Failure) -> None:
        """Show the reason why this window couldn't execute the run: in the dialog or, if the dialog is closed, in a
        toast."""
        if shiboken6.isValid(self):
            self._show_refusal(failure)
        else:
            self._context.show_failure_toast(failure, subject_title=self.run.name if self.run is not None else "")

    def show_widgets_in_column(self, *widgets: QWidget) -> None:
        """Show these widgets, one below the other, between the title and the footer of the dialog. The widgets that
        were there before are deleted.
        """
        content = QWidget()
        content.setLayout(make_column(*widgets, gap_px=12))
        self.show_content(content)


def _do_nothing() -> None:
    """Do nothing. `set_main_button` stores this function as the action of the main button for the short delay in
    which a press must have no effect."""
