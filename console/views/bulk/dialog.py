"""The dialog of a bulk run.

It stores the list of records as a new run, makes a dry run, lets the person confirm, and shows the progress and the
result of each row. The service stores the run, so a person may close the dialog at any time and open it again from
the list of unfinished work. If this dialog has created the run and the person closes it before confirming, the run is
discarded.
"""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk.records import BulkPlan, ForecastKind
from console.domain.person_state.drafts import SELECTION_SUBJECT
from console.domain.tasks.records import BulkAction, BulkRun
from console.views.bulk import background_run
from console.views.bulk.dialog_pages import BulkPlanPage
from console.views.bulk.request import BulkRequest
from console.views.bulk.run_dialog import BulkRunDialog
from console.views.pages.dialog_drafts import DialogDraft
from console.views.presenters import bulk as bulk_words
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure, ProgressReporter
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import Field, LineEdit, MultiLineField
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar


class BulkDialog(BulkRunDialog):
    """The dialog of a bulk run. If `request_or_run` is a BulkRequest, the dialog first stores the requested records
    as a new run; if it is a BulkRun, the dialog shows this existing run.

    Signals:
    - run_confirmed: the person has confirmed the run, so that the page with the list of records can clear its
      selection.
    """

    run_confirmed = Signal()

    def __init__(self, context: WindowContext, parent: QWidget, request_or_run: BulkRequest | BulkRun) -> None:
        super().__init__(context, parent, request_or_run.action)
        self._request = request_or_run if isinstance(request_or_run, BulkRequest) else None
        self.plan_page: BulkPlanPage | None = None
        self.note_field: Field | None = None
        self._draft: DialogDraft | None = None
        if isinstance(request_or_run, BulkRun):
            self.watch_run(request_or_run)
        elif request_or_run.action is BulkAction.NOTE:
            self._show_note_form(request_or_run)
        else:
            self._create_run(request_or_run, None)

    def find_first_focus(self) -> QWidget:
        """Return the field for the note; the cancel button if this dialog has no such field."""
        return self.cancel_button if self.note_field is None else self.note_field.edit

    # -- text of a note

    def _show_note_form(self, request: BulkRequest, *widgets_above: QWidget, typed_text: str = "") -> None:
        """Show the widgets `widgets_above`, and below them the field for the note. The field contains `typed_text`
        or, if this is empty, the stored draft. The text is stored as a draft until the person confirms the run,
        because an unconfirmed run is discarded together with its note."""
        translate = self._context.translate
        self.show_title(translate("bulk.title.note", n=request.record_count), translate("bulk.what.note"))
        self.note_field = MultiLineField(translate("dialog.note.words"), translate)
        if not isinstance(self.note_field.edit, LineEdit):
            self.note_field.edit.textChanged.connect(self._update_note_button)
        note_field, title = self.note_field, translate("screen.queues")
        self._draft = DialogDraft(
            self._context, self, "bulk_note-queues", SELECTION_SUBJECT, title, lambda: {"words": note_field}
        )
        if typed_text and not isinstance(note_field.edit, LineEdit):
            note_field.edit.setPlainText(typed_text)
        draft_bar = [self._draft.bar] if self._draft.bar is not None and not widgets_above else []
        self.show_widgets_in_column(*widgets_above, *draft_bar, self.note_field)
        self.set_main_button(translate("bulk.next"), self._create_run_with_note)
        self.main_button.show_key("Ctrl+Enter")
        self._update_note_button()

    @Slot()
    def _update_note_button(self) -> None:
        if self.note_field is None or not self.note_field.text().strip():
            self.disable_main_button(self._context.translate("dialog.note.needs_words"))
        else:
            self.enable_main_button()

    def _create_run_with_note(self) -> None:
        if self._request is not None and self.note_field is not None and not self.is_busy:
            self._create_run(self._request, self.note_field.text())

    # -- creation of the run

    def _create_run(self, request: BulkRequest, note: str | None) -> None:
        """Let the service store the requested records as a new run. `note` is the text that the run adds to each
        record; None for an action without a note."""
        context, action, list_records = self._context, request.action.value, request.list_records
        self.show_title(context.translate("bulk.freezing"), context.translate("bulk.freezing.what"))
        if self.note_field is not None:
            self.note_field.setEnabled(
                False
            )  # the text is final; disabling the button would lose the focus otherwise
        self.set_busy(context.translate("bulk.freezing"))
        context.run_acting_call(
            lambda services, request_id: services.bulk_runs.create_run(
                action, list_records(services), note, request_id=request_id
            ),
            self._show_created_run,
            self._show_creation_failure,
            caller=self,
            label=context.translate("bulk.freezing"),
            attempt=("bulk freeze", action, list_records, note),
            provider="",
            make_toast=lambda run: Toast(
                context.translate("bulk.frozen", name=run.name, at=run.made_at), subject_title=""
            ),
        )

    def _show_created_run(self, run: BulkRun) -> None:
        if self._draft is not None:
            self._draft.stop_storing()  # the field for the note is removed
        self.show_dry_run(run)

    def _show_creation_failure(self, failure: Failure) -> None:
        context, typed_text = self._context, self.note_field.text() if self.note_field is not None else ""
        self.allow_acting_again(context.translate("action.close"))
        bar = make_failure_bar(failure, context.format_failure(failure))
        if self._request is not None and self._request.action is BulkAction.NOTE:
            self._show_note_form(self._request, bar, typed_text=typed_text)
            return
        self.show_title(context.format_failure_title(failure))
        self.show_widgets_in_column(bar)
        self.main_button.hide()

    # -- dry run

    def show_dry_run(self, run: BulkRun) -> None:
        """Make the dry run of `run` in a background thread, then show its plan, which forecasts the result of each
        row. A dry run sends nothing to a provider. The person can close the dialog while the dry run lasts."""
        context = self._context
        self.run, self.progress_page = run, None
        self._timer.stop()
        self.allow_acting_again(context.translate("action.cancel"))
        self.show_title(
            context.translate("bulk.looking"), context.translate("bulk.frozen", name=run.name, at=run.made_at)
        )
        progress = TextLabel(context.translate("bulk.looked", n=0, of=run.size - run.done), wraps_lines=True)
        self.show_widgets_in_column(progress)
        self.main_button.hide()
        acting_person = context.operator

        def make_plan(report_progress: ProgressReporter) -> BulkPlan:
            def report_checked_count(checked_count: int) -> None:
                report_progress.raise_if_cancelled()
                report_progress(checked_count)

            return context.bind_services(
                lambda services: services.bulk_runs.make_plan(run.id, report_checked_count), acting_person
            )()

        def show_checked_count(checked_count: int) -> None:
            progress.show_text(context.translate("bulk.looked", n=checked_count, of=run.size - run.done))

        context.runner.run_with_progress(
            make_plan, self._show_plan, self._show_plan_failure, show_checked_count, caller=self, pool_name="quick"
        )

    def _show_plan(self, plan: BulkPlan) -> None:
        self.plan_page = BulkPlanPage(self._context, plan)
        self.plan_page.row_limit_changed.connect(self._update_run_button)
        self.plan_page.table.rows.page_applied.connect(self.fit_size)
        self.show_widgets_in_column(self.plan_page)
        self.set_main_button(" ", self._begin_run)
        self.cancel_button.setFocus()
        self._update_run_button()

    def _show_plan_failure(self, failure: Failure) -> None:
        self.show_title(self._context.translate("bulk.not_looked"))
        self.show_widgets_in_column(
            NotificationBar("", self._context.format_failure(failure), tone="bad", icon_name="square_bang")
        )

    @Slot()
    def _update_run_button(self) -> None:
        """Set the title of the dialog and the text of the main button for the number of rows that the run would
        change. If the run would change no row, disable the button."""
        if self.plan_page is None or self.run is None:
            return
        context, run = self._context, self.run
        count = self.plan_page.limited_plan.row_counts.get(ForecastKind.WOULD_RUN, 0)
        frozen_sentence = context.translate("bulk.frozen", name=run.name, at=run.made_at)
        action_name = run.action.value
        title = bulk_words.format_plan_title(
            self.plan_page.limited_plan, context, is_limited_to_first_rows=self.plan_page.is_limited_to_first_rows
        )
        self.show_title(title, frozen_sentence)
        self.main_button.show_text(
            context.translate(f"bulk.act.{action_name}" if count else f"bulk.action.{action_name}", n=count)
        )
        if count:
            self._disabled_reason = ""
            self.hint.show_text(context.translate("dialog.enter_cancels"))
            if not self._is_main_button_delayed:
                self.main_button.enable_button()
        else:
            self.disable_main_button(context.translate("bulk.nothing_to_do"))

    def _begin_run(self) -> None:
        """Execute the run in the background, because the person has confirmed its plan: emit `run_confirmed` and show
        the progress. Do nothing without a plan or while a call is running."""
        if self.plan_page is None or self.run is None or self.is_busy:
            return
        run, max_rows = self.run, self.plan_page.max_rows
        self.task = background_run.execute_run_in_background(
            self._context, run, max_rows, self.show_run_end, self.show_run_refusal
        )
        self.run_confirmed.emit()
        if self._draft is not None:
            self._draft.delete()
        self.plan_page = None
        self.watch_run(run)

    # -- closing

    def reject(self) -> None:
        """Close the dialog (Qt calls this for Esc and the close button). If this dialog has created the run and
        the person has not confirmed it, discard the run."""
        run = self.run
        is_unconfirmed = self._request is not None and run is not None and run.state == "frozen" and self.task is None
        if is_unconfirmed and not self.is_busy and run is not None:
            run_id, context = run.id, self._context
            context.run_acting_call(
                lambda services, request_id: services.bulk_runs.discard(run_id, request_id=request_id),
                _ignore_value,
                _ignore_value,
                caller=context,
                label=context.translate("act.about", title=run.name, message=context.translate("bulk.discard")),
                make_toast=lambda run: Toast(context.translate("bulk.discard"), subject_title=run.name),
                attempt=("bulk discard", run_id),
                provider="",
            )
        super().reject()


def _ignore_value(_value: object) -> None:
    """Ignore the result or the failure of the call that discards the run, because the dialog is already closed."""
