"""The dialog in which a person begins a reconciliation run (provider, days, dry run). The dialog then shows the
result of the run."""

from collections.abc import Mapping, Sequence
from datetime import date

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain import calendar_days
from console.domain.payments.provider_registry import find_provider
from console.domain.person_state.drafts import make_draft_name
from console.domain.tasks.records import ReconcileReport
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.presenters.reconciliation import format_day_range, get_yesterday, make_run_toast
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ReconcileRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.inputs import CheckBox, DropDownList, Field, LineEdit
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording.sentences.formats import NO_VALUE

_DIALOG_CLOSABLE_AFTER_MS = 10_000
_MAX_RUN_DAYS = 366
_SHOWN_REPORT_COUNT_FIELDS = (
    "matched",
    "different_state",
    "different_amount",
    "missing_there",
    "imported",
    "refused",
)


class ReconcileDialog(DialogFrame):
    """The dialog in which a person begins a reconciliation run. While the run continues, the main button can't begin
    a second run. _DIALOG_CLOSABLE_AFTER_MS milliseconds after the start, the person may close the dialog, and the run
    continues. If the person has typed days, the dialog stores its inputs as a draft until the run begins. The draft
    is deleted when the run has succeeded; after a failed run it stays.

    Signals:
    - run_ended(): a run has ended or was refused.
    """

    run_ended = Signal()

    def __init__(self, context: WindowContext, providers: Sequence[str], provider: str, parent: QWidget) -> None:
        """`providers` are the names of the providers that the person can choose. The dialog selects `provider` at
        first if it is one of these names. If there is only one name, the dialog selects this name."""
        translate = context.translate
        super().__init__(
            translate("dialog.reconcile.title"),
            translate("dialog.reconcile.subtitle"),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.reconcile.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "import")
        self._context, self._providers = context, tuple(providers)
        self._has_typed_day = self._has_begun = False
        self.provider_list = DropDownList(
            translate("reconcile.provider"), placeholder=translate("dialog.reconcile.choose")
        )
        for name in self._providers:
            self.provider_list.addItem(get_provider_name(name, context), name)
        preselected_provider = self._providers[0] if len(self._providers) == 1 else provider
        self.provider_list.setCurrentIndex(
            self._providers.index(preselected_provider) if preselected_provider in self._providers else -1
        )
        self.first_day_field = Field(translate("dialog.reconcile.first"), role="data")
        self.last_day_field = Field(translate("dialog.reconcile.last"), role="data")
        self.dry_run_box = CheckBox(translate("dialog.reconcile.dry"))
        self.scope_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._fill_days()
        self._draft = self._make_draft()
        self._show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self._connect_signals()
        self._update_main_button()

    def _make_draft(self) -> DialogDraft:
        """Fill the inputs with the draft of this dialog, if there is one, and return the draft. Days in the draft
        count as typed by the person, so that the dialog doesn't replace them."""
        kind, subject = "reconcile-reconciliation", "days"
        draft = self._context.person_values.find_draft(make_draft_name(kind, subject))
        self._has_typed_day = draft is not None
        title = self._context.translate("screen.reconcile")
        return DialogDraft(self._context, self, kind, subject, title, self._list_draft_inputs)

    def _list_draft_inputs(self) -> Mapping[str, QWidget]:
        """Return the inputs of the draft by name. Until the person types a day, return no inputs: the dialog itself
        proposes the date of yesterday, and such a date in a draft would be wrong on the next day."""
        if not self._has_typed_day:
            return {}
        return {
            "provider": self.provider_list,
            "first_day": self.first_day_field,
            "last_day": self.last_day_field,
            "dry_run": self.dry_run_box,
        }

    def _show_form(self, *widgets_above: QWidget) -> None:
        content = QWidget()
        label = TextLabel(self._context.translate("reconcile.provider"), "small", "muted")
        label.setBuddy(self.provider_list)
        day_fields = QWidget()
        day_fields.setLayout(make_column(label, self.provider_list, gap_px=4))
        days = make_row(gap_px=16)
        for field in (self.first_day_field, self.last_day_field):
            days.addWidget(field, 1, Qt.AlignmentFlag.AlignTop)
        effect = TextLabel(self._context.translate("dialog.reconcile.effect"), wraps_lines=True)
        content.setLayout(
            make_column(*widgets_above, day_fields, days, self.dry_run_box, effect, self.scope_label, gap_px=12)
        )
        self.show_content(content)

    def _connect_signals(self) -> None:
        self.provider_list.currentIndexChanged.connect(self._handle_chosen_provider)
        for field in (self.first_day_field, self.last_day_field):
            field.edit.textEdited.connect(self._handle_typed_day)  # type: ignore[union-attr]  # an Edit
        self.dry_run_box.checkStateChanged.connect(self._update_main_button)
        self.main_button.clicked.connect(self._begin_run)
        self._cancel_timer = QTimer(self, singleShot=True, interval=_DIALOG_CLOSABLE_AFTER_MS)
        self._cancel_timer.timeout.connect(self._allow_closing)

    # -- form

    @property
    def chosen_provider(self) -> str:
        """The selected provider; "" if none is selected."""
        index = self.provider_list.currentIndex()
        return self._providers[index] if index >= 0 else ""

    def _fill_days(self) -> None:
        """Put the date of yesterday in the provider's time zone into the fields of the first and the last day, unless
        the person has typed a day."""
        if not self._has_typed_day:
            for field in (self.first_day_field, self.last_day_field):
                if isinstance(field.edit, LineEdit):
                    field.edit.setText(get_yesterday(self._context, self.chosen_provider).isoformat())

    @Slot()
    def _handle_chosen_provider(self) -> None:
        """React to the person's choice of another provider: put the date of yesterday into the fields of the days,
        unless the person has typed a day, and update the main button."""
        self._fill_days()
        self._update_main_button()

    @Slot()
    def _handle_typed_day(self) -> None:
        """Remember that the person has typed a day, so that the program doesn't replace it, and update the main
        button."""
        self._has_typed_day = True
        self._update_main_button()

    def _parse_typed_days(self) -> tuple[date, date] | None:
        """Return the first and the last day that the person has typed. If a day isn't valid, or if the provider can't
        compare these days, show the error at the field of the wrong day and return None."""
        first_day, last_day = _parse_day(self.first_day_field.text()), _parse_day(self.last_day_field.text())
        translate = self._context.translate
        for field, day in ((self.first_day_field, first_day), (self.last_day_field, last_day)):
            field.show_error("" if day else translate("dialog.reconcile.no_day"))
        if first_day is None or last_day is None:
            return None
        problem = self._find_days_problem_key(first_day, last_day)
        self.last_day_field.show_error(translate(problem) if problem else "")
        return None if problem else (first_day, last_day)

    def _find_days_problem_key(self, first_day: date, last_day: date) -> str:
        """Return the wording key of the reason why a run can't compare these days; "" if it can."""
        if last_day < first_day:
            return "dialog.reconcile.order"
        today = get_yesterday(self._context, self.chosen_provider).toordinal() + 1
        if last_day.toordinal() > today:
            return "dialog.reconcile.future"
        return "dialog.reconcile.span" if (last_day - first_day).days >= _MAX_RUN_DAYS else ""

    @Slot()
    def _update_main_button(self) -> None:
        if self._has_begun:
            return  # the run has begun: the fields no longer matter
        self._draft.store()
        translate, days = self._context.translate, self._parse_typed_days()
        source = self.chosen_provider if not self.chosen_provider or find_provider(self.chosen_provider) else "source"
        self.scope_label.show_text(translate(f"dialog.reconcile.about.{source or 'none'}"))
        self.main_button.show_text(
            translate("dialog.reconcile.act_dry" if self.dry_run_box.isChecked() else "dialog.reconcile.act")
        )
        if not self._providers:
            self.disable_main_button(translate("dialog.reconcile.no_provider"))
        elif not self.chosen_provider:
            self.disable_main_button(translate("dialog.reconcile.needs_provider"))
        elif days is None:
            self.disable_main_button(translate("dialog.reconcile.needs_days"))
        else:
            self.enable_main_button(translate("dialog.enter_cancels"))

    # -- run

    @Slot()
    def _begin_run(self) -> None:
        days, provider, is_dry_run, context = (
            self._parse_typed_days(),
            self.chosen_provider,
            self.dry_run_box.isChecked(),
            self._context,
        )
        if self._has_begun or days is None or not provider:
            return
        (first_day, last_day), self._has_begun = days, True
        self._draft.stop_storing()
        self.set_busy(context.translate("dialog.reconcile.busy"))
        self._cancel_timer.start()
        label = context.translate(
            "dialog.reconcile.label",
            provider=get_provider_name(provider, context),
            days=format_day_range(first_day, last_day),
        )
        context.run_acting_call(
            lambda services, request_id: services.reconciliation.run(
                provider, first_day, last_day, dry_run=is_dry_run, request_id=request_id
            ),
            self._show_report,
            self._show_failure,
            caller=self,
            label=label,
            make_toast=lambda report: make_run_toast(context, report),
            attempt=("reconcile", provider, first_day, last_day, is_dry_run),
            key=("reconciliation", provider),
            provider="",
        )

    @Slot()
    def _allow_closing(self) -> None:
        if self.is_busy:
            translate = self._context.translate
            self.allow_closing(translate("action.close"), translate("reconcile.may_leave"))

    def _show_report(self, report: ReconcileReport) -> None:
        self._cancel_timer.stop()
        self._draft.delete()
        context, toast = self._context, make_run_toast(self._context, report)
        values = {
            name: context.translate("reconcile.count_value", n=getattr(report, name))
            for name in _SHOWN_REPORT_COUNT_FIELDS
        }
        if report.is_missing_unknown:
            values["missing_there"] = NO_VALUE
        counts = FactList([(context.translate(f"reconcile.count.{name}"), value) for name, value in values.items()])
        is_dry_run = report.run_id is None
        sentence = context.translate("dialog.reconcile.was_dry" if is_dry_run else "dialog.reconcile.where_settled")
        content = QWidget()
        bar = NotificationBar(toast.message, toast.detail, tone=toast.tone, icon_name=toast.icon_name, is_narrow=True)
        content.setLayout(make_column(bar, counts, TextLabel(sentence, wraps_lines=True), gap_px=12))
        main_button_text = "" if is_dry_run else context.translate("dialog.reconcile.show")
        title = context.translate("dialog.reconcile.dry_done" if is_dry_run else "dialog.reconcile.done")
        self.show_outcome(
            title, "", content, close_text=context.translate("action.close"), main_button_text=main_button_text
        )
        if report.run_id is not None:
            run_id = report.run_id
            self.main_button.clicked.connect(lambda: self._open_run(run_id))
        self.run_ended.emit()

    def _open_run(self, run_id: int) -> None:
        self.accept()
        self._context.navigate(ReconcileRoute(run_id))

    def _show_failure(self, failure: Failure) -> None:
        self._cancel_timer.stop()
        content = QWidget()
        bar = make_failure_bar(failure, self._context.format_failure(failure))
        content.setLayout(make_column(bar))
        title = self._context.format_failure_title(failure)
        self.show_outcome(title, "", content, close_text=self._context.translate("action.close"))
        self.cancel_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self.run_ended.emit()


def _parse_day(text: str) -> date | None:
    """Return the date that a text such as 2026-11-19 or 2026/11/19 means; None for any other text."""
    try:
        return calendar_days.parse_typed_day(text)
    except ValueError:
        return None
