"""The dialog in which a person fetches the detail and the PDF of a purchased credit check again. The re-fetch
costs nothing and keeps the old PDF."""

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.records import CreditCheck
from console.domain.service_results import RefetchResult
from console.domain.views.any_record import CreditCheckDetails
from console.views.pages.call_steps import CallStepList, ReachedStepCollector
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.withdrawal import is_request_withdrawn, make_withdrawn_bar
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.purchase.refetch_watch import RefetchWatch, find_person_and_start_of_refetch
from console.views.runtime.announcer import announce
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import CreditCheckRoute, PdfComparisonRoute, PdfRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.inputs import CheckBox
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording.sentences import catalogue as wording


class RefetchDialog(DialogFrame):
    """The dialog in which a person fetches parts of a purchased credit check again. The missing parts (detail, PDF)
    are selected at first. If no part is missing, the detail and the PDF are selected."""

    def __init__(self, context: WindowContext, record: CreditCheck, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.refetch.title", id=record.id),
            translate(
                "dialog.refetch.subtitle", company=words.format_company_name(record, context), client=record.client_id
            ),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.refetch.act"),
            hint=translate("dialog.enter_cancels"),
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "refetch")
        self._context, self._record = context, record
        self._steps = ReachedStepCollector(context)
        self._watch: RefetchWatch | None = None
        self._watched_person = ""
        self._watched_lines: tuple[str, ...] = ()
        self.detail_box = CheckBox(translate("dialog.refetch.detail"))
        self.pdf_box = CheckBox(translate("dialog.refetch.pdf"))
        missing_parts = set(record.incomplete)
        self.detail_box.setChecked(bool(missing_parts - {"pdf"}) or not missing_parts)
        self.pdf_box.setChecked("pdf" in missing_parts or not missing_parts)
        for box in (self.detail_box, self.pdf_box):
            box.checkStateChanged.connect(self._update_main_button)
        self.show_content(self._make_form())
        self.main_button.clicked.connect(self._refetch_parts)

    def _make_form(self) -> QWidget:
        translate, record = self._context.translate, self._record
        facts = FactList()
        missing_label = (
            translate("record.missing_parts", missing=record.incomplete)
            if record.incomplete
            else translate("word.none")
        )
        facts.add_fact(translate("word.missing_label"), TextLabel(missing_label))
        if record.error_code and record.incomplete:
            facts.add_fact(
                translate("column.cause"), TextLabel(case_words.format_record_problem(record, self._context))
            )
        if record.pdf_file_path:  # without a stored copy there is none to keep
            facts.add_fact(translate("dialog.refetch.kept_label"), TextLabel(translate("dialog.refetch.old_copy")))
        form_widget = QWidget()
        free_of_charge_bar = NotificationBar(
            translate("dialog.refetch.free_lead"), translate("dialog.refetch.free"), tone="good", icon_name="check"
        )
        form_widget.setLayout(
            make_column(
                free_of_charge_bar, facts, make_row(self.detail_box, self.pdf_box, None, gap_px=24), None, gap_px=14
            )
        )
        return form_widget

    @Slot()
    def _update_main_button(self) -> None:
        if self.detail_box.isChecked() or self.pdf_box.isChecked():
            self.enable_main_button(self._context.translate("dialog.enter_cancels"))
        else:
            self.disable_main_button(self._context.translate("dialog.refetch.nothing_chosen"))

    @Slot()
    def _refetch_parts(self) -> None:
        if self.is_busy:
            return
        context, record = self._context, self._record
        detail, pdf, report = self.detail_box.isChecked(), self.pdf_box.isChecked(), self._steps.report_step
        self.set_busy(context.translate("dialog.refetch.busy"))
        self.hint.show_text("")
        self.show_title(
            context.translate("dialog.refetch.asking_title"), context.translate("record.title", id=record.id)
        )
        self.show_content(CallStepList(context, self._steps))
        context.run_acting_call(
            lambda services, request_id: services.credit_checks.refetch(
                record.id,
                detail=detail,
                pdf=pdf,
                expected_version=record.version,
                progress=report,
                request_id=request_id,
            ),
            self._show_result,
            self._show_failure,
            caller=self,
            label=context.translate("act.refetch", id=record.id),
            make_toast=lambda _: Toast(
                context.translate("dialog.refetch.done_title"),
                route=CreditCheckRoute(record.id),
                subject_title=context.translate("record.title", id=record.id),
            ),
            attempt=("refetch", record.id, detail, pdf, record.version),
            key=("credit-check", record.id),
        )

    def _show_result(self, result: RefetchResult) -> None:
        context = self._context
        has_pdf = any(document.is_current for document in result.documents)
        content = _make_refetch_content(context, result, self._record)
        self._show_final_content(
            context.translate("dialog.refetch.done_title"),
            content,
            offers_pdf=has_pdf,
            offers_comparison=_has_stored_new_pdf(result, self._record),
        )
        if has_pdf and "pdf_file_path" in result.changed_fields:
            self._read_page_counts(result, content)

    def _read_page_counts(self, result: RefetchResult, content: "_RefetchContent") -> None:
        """Read the page counts of the stored PDFs, and show them in `content` after they were read."""
        record_id = self._record.id
        self._context.run_read(
            lambda services: services.pdfs.count_pages(record_id),
            lambda page_counts: content.show_page_counts(self._format_page_counts(result, page_counts)),
            lambda _: None,  # the numbers are an addition; the page of the PDF shows a failure
            caller=self,
            pool_name="documents",
        )

    def _format_page_counts(self, result: RefetchResult, page_counts: Mapping[str, int]) -> str:
        """Return the sentence with the number of pages of the new PDF and of the older copy; "" if the pages of the
        new PDF can't be read. `page_counts` has the page counts of the PDFs by their SHA-256."""
        new = next((document for document in result.documents if document.is_current), None)
        new_count = None if new is None else page_counts.get(new.sha256)
        if new_count is None:
            return ""
        old = next((item for item in result.documents if item.path == self._record.pdf_file_path), None)
        old_count = None if old is None or old == new else page_counts.get(old.sha256)
        if old_count is None:
            return self._context.translate("dialog.refetch.pages", new=new_count)
        return self._context.translate("dialog.refetch.pages_of_both", new=new_count, old=old_count)

    def _show_failure(self, failure: Failure) -> None:
        context = self._context
        if is_request_withdrawn(failure):
            bar = make_withdrawn_bar(context, failure)
            self._show_final_content(context.translate("dialog.withdraw.done"), bar, offers_pdf=False)
            return
        running = find_person_and_start_of_refetch(failure) if failure.code == ErrorCode.IN_PROGRESS else None
        if running is not None:
            self._offer_to_watch(failure, *running)
            return
        title = context.translate("dialog.refetch.failed_title")
        if failure.code == ErrorCode.STALE_VIEW:
            title = context.translate("dialog.stale.title")
        elif failure.may_have_acted:
            title = context.format_failure_title(failure)
        self._show_final_content(title, _make_failure_content(context, failure), offers_pdf=False)

    # -- another person's re-fetch

    def _offer_to_watch(self, failure: Failure, person: str, since: datetime | None) -> None:
        """Show that another re-fetch of the record is running, with a button that watches this re-fetch until its
        end. `failure` is the refusal of this person's re-fetch. `person` is the name of the person who runs the other
        re-fetch, and `since` the instant at which that re-fetch began (None if it isn't known)."""
        context = self._context
        self._watched_person = words.get_actor_name(person, context)
        self._watch = RefetchWatch(context, self._record.id, since, self)
        self._watch.lines_read.connect(self._show_watched_lines)
        self._watch.ended.connect(self._show_end_of_watched_refetch)
        self._watch.failed.connect(self._show_failed_watch)
        self.finished.connect(self._watch.stop)
        self.show_outcome(
            context.translate("dialog.refetch.running_title"),
            context.translate("record.title", id=self._record.id),
            _make_failure_content(context, failure),
            close_text=context.translate("action.close"),
            main_button_text=context.translate("action.watch"),
        )
        self.main_button.clicked.connect(self._begin_watching)

    @Slot()
    def _begin_watching(self) -> None:
        self.main_button.hide()
        self._show_step_lines()
        self.cancel_button.setFocus()
        if self._watch is not None:
            self._watch.read_credit_check()

    @Slot(object)
    def _show_watched_lines(self, lines: tuple[str, ...]) -> None:
        """Show `lines`, the sentences about the steps that the watched re-fetch has taken so far; announce only the
        new ones."""
        if self._watched_lines == lines:
            return
        for line in lines[len(self._watched_lines) :]:
            announce(self, line)
        self._watched_lines = lines
        self._show_step_lines()

    def _show_step_lines(self) -> None:
        """Show the sentences about the steps that the watched re-fetch has taken so far."""
        context = self._context
        self.show_title(
            context.translate("dialog.refetch.watching", who=self._watched_person),
            context.translate("record.title", id=self._record.id),
        )
        shown_lines = self._watched_lines or (context.translate("dialog.refetch.watching_first"),)
        self.show_content(_stack_widgets(*map(_make_text_line, shown_lines)))

    @Slot(object)
    def _show_failed_watch(self, failure: Failure) -> None:
        """Show that the watched re-fetch could not be read, with a button that reads it again. The re-fetch itself
        hasn't failed."""
        translate = self._context.translate
        bar = NotificationBar("", self._context.format_failure(failure), tone="bad", icon_name="cross")
        self.show_outcome(
            translate("screen.not_read"),
            translate("record.title", id=self._record.id),
            bar,
            close_text=translate("action.close"),
            main_button_text=translate("action.watch"),
        )
        self.main_button.clicked.connect(self._begin_watching)

    @Slot(object)
    def _show_end_of_watched_refetch(self, details: CreditCheckDetails) -> None:
        """Show that the re-fetch of another person, which this dialog watches, has ended, with the steps that it has
        taken, and a button that opens the PDF."""
        context = self._context
        missing = details.record.incomplete
        sentence = (
            context.translate("dialog.refetch.watched_missing", missing=missing)
            if missing
            else context.translate("dialog.refetch.watched_whole")
        )
        bar = NotificationBar(
            "", sentence, tone="care" if missing else "good", icon_name="square_bang" if missing else "check"
        )
        self._show_final_content(
            context.translate("dialog.refetch.watched_title", who=self._watched_person),
            _stack_widgets(bar, *map(_make_text_line, self._watched_lines)),
            offers_pdf=any(document.is_current for document in details.documents),
        )

    # -- the end

    def _show_final_content(
        self, title: str, content: QWidget, *, offers_pdf: bool, offers_comparison: bool = False
    ) -> None:
        """Show the end of the re-fetch: `title` as the title of the dialog, and `content` as its content. If
        `offers_comparison` is True, the main button opens the comparison with the older copy; otherwise, if
        `offers_pdf` is True, the main button opens the PDF. If neither is True, the button is hidden."""
        translate = self._context.translate
        open_button_text = translate("action.open_pdf") if offers_pdf else ""
        if offers_comparison:
            open_button_text = translate("action.compare")
        self.show_outcome(
            title,
            translate("record.title", id=self._record.id),
            content,
            close_text=translate("action.close"),
            main_button_text=open_button_text,
        )
        if offers_comparison:
            self.main_button.clicked.connect(self._open_comparison)
        elif offers_pdf:
            self.main_button.clicked.connect(self._open_pdf)

    @Slot()
    def _open_comparison(self) -> None:
        """Open the page that shows the new PDF and the older copy side by side."""
        self.accept()
        self._context.navigate(PdfComparisonRoute(self._record.id))

    @Slot()
    def _open_pdf(self) -> None:
        self.accept()
        self._context.navigate(PdfRoute(self._record.id))


class _RefetchContent(QWidget):
    """The content of the dialog after a re-fetch, with a line for the page counts, which are read later."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.page_count_label = _make_text_line("")
        self.page_count_label.hide()
        self.setLayout(make_column(*widgets, self.page_count_label, None, gap_px=10))

    def show_page_counts(self, sentence: str) -> None:
        self.page_count_label.show_text(sentence)
        self.page_count_label.setVisible(bool(sentence))


def _make_refetch_content(
    context: WindowContext, result: RefetchResult, record_before: CreditCheck
) -> _RefetchContent:
    """Return the content of the dialog after a re-fetch: the fields that have changed since `record_before` and, if a
    new PDF was stored in addition to the old PDF, a sentence about this.
    """
    lines: list[QWidget] = []
    if result.changed_fields:
        lines.append(_make_text_line(context.translate("dialog.refetch.changed", changed=result.changed_fields)))
    else:
        lines.append(_make_text_line(context.translate("dialog.refetch.unchanged")))
    current = next((document for document in result.documents if document.is_current), None)
    if current is not None and "pdf_file_path" in result.changed_fields:
        size = wording.format_bytes(current.bytes)
        lines.append(_make_text_line(context.translate("dialog.refetch.pdf_stored", size=size)))
        if _has_stored_new_pdf(result, record_before):
            lines.append(_make_text_line(context.translate("dialog.refetch.other_pdf")))
    bar = NotificationBar("", context.translate("dialog.refetch.no_cost"), tone="good", icon_name="check")
    return _RefetchContent(bar, *lines)


def _has_stored_new_pdf(result: RefetchResult, record_before: CreditCheck) -> bool:
    """Return True if the re-fetch has stored a PDF that differs from the copy of `record_before`."""
    return bool(record_before.pdf_file_path) and "pdf_file_path" in result.changed_fields


def _make_failure_content(context: WindowContext, failure: Failure) -> QWidget:
    """Return the content of the dialog after a failed re-fetch: the failure's message, and the reason for each
    part that could not be fetched."""
    bar = make_failure_bar(failure, context.format_failure(failure))
    lines = [
        _make_text_line(
            context.translate("dialog.refetch.failed_part", part=failed_part["part"], reason=failed_part["reason"])
        )
        for failed_part in failure.detail.get("failed", ())
    ]
    return _stack_widgets(bar, *lines)


def _make_text_line(text: str) -> TextLabel:
    return TextLabel(text, wraps_lines=True)


def _stack_widgets(*widgets: QWidget) -> QWidget:
    column_widget = QWidget()
    column_widget.setLayout(make_column(*widgets, None, gap_px=10))
    return column_widget
