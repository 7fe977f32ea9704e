"""The page of one credit check: its state, certainty and next step, a comparison with the provider's record, an
explanation, documents, timeline and actions."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.records import TimelineEntry
from console.domain.views.any_record import CreditCheckDetails
from console.views.credit_checks.tabs import CreditCheckTabs, DocumentRow
from console.views.presenters import credit_check_view as facts
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.records.action_bar import SHORTCUT_BY_RECORD_ACTION
from console.views.records.page import RecordPage, make_record_key_hints
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import CreditCheckRoute, PdfComparisonRoute, PdfRoute
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import make_column
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.display.record_parts import DocumentStrip

if TYPE_CHECKING:
    from console.app import Console

_PROVIDER_SIDE_INDEX = 1  # index of the provider in the list of sides


class CreditCheckPage(RecordPage[CreditCheckDetails]):
    """The page of one credit check. Above the tabs is a strip with its documents and a button that opens the
    current PDF."""

    kind = "credit-check"
    tabs: CreditCheckTabs
    action_names = ("probe", "refetch", "resolve", "renew")
    help_key = "help.record"
    key_hints = make_record_key_hints(*action_names, "open_pdf")

    def __init__(self, context: WindowContext) -> None:
        translate = context.translate
        self.pdf_button = KeyButton(
            translate("action.open_pdf"), SHORTCUT_BY_RECORD_ACTION["open_pdf"], icon="document", binds_key=False
        )
        buttons_column = QWidget()
        buttons_column.setLayout(make_column(self.pdf_button, ReasonLabel(self.pdf_button), gap_px=4))
        self.document_panels = DocumentStrip((), translate("record.document_strip"), buttons_column)
        tabs, margin = CreditCheckTabs(context), tokens().px("spacing", "page_margin")
        super().__init__(
            context, tabs, widgets_above_tabs=(make_column(self.document_panels, margins=(margin, 4, margin, 12)),)
        )
        self._id_at_provider = self.make_copyable_id(translate("field.provider_id"), role="small", tone="muted")
        self.pdf_button.clicked.connect(self._open_pdf)
        tabs.pdf_requested.connect(self._open_stored_pdf)
        tabs.missing_pdf_requested.connect(self._show_missing_pdf)
        tabs.comparison_requested.connect(self._compare_stored_pdf)
        self.bind_shortcut(SHORTCUT_BY_RECORD_ACTION["open_pdf"], partial(self._run_action_by_shortcut, "open_pdf"))

    def read_details(self, services: "Console", id: int) -> CreditCheckDetails:
        return services.credit_checks.read_credit_check(id)

    def format_reading_title(self, id: int) -> str:
        return self.context.translate("record.title", id=id)

    def get_clipboard_text(self, details: CreditCheckDetails) -> str:
        return details.record.corporation_number

    def find_button(self, action_name: str) -> KeyButton | None:
        return self.pdf_button if action_name == "open_pdf" else super().find_button(action_name)

    # -- display

    def fill_header(self, details: CreditCheckDetails) -> None:
        context, record = self.context, details.record
        company = case_words.get_record_company_name(record, context) or context.translate("record.no_name")
        client = context.translate("record.client", client=record.client_id)
        badges = case_words.get_page_badge_keys(details)
        self.head.show_identity(record.corporation_number, company, client, badges)
        self.show_sides(
            facts.make_compared_sides(details, context),
            {_PROVIDER_SIDE_INDEX: (self._id_at_provider, self.answers)},
        )
        self.answers.setVisible(bool(details.evidence))
        id_at_provider = record.credit_check_id
        self._id_at_provider.setVisible(id_at_provider is not None)
        self._id_at_provider.show_id(
            context.translate("record.side.number", credit_check_id=id_at_provider), str(id_at_provider or "")
        )
        self.document_panels.show_documents(facts.make_document_summaries(details, context))
        self.tabs.show_details(details)
        # One button for one action: the line "you can" has it if the PDF is a recommended action now.
        self.document_panels.set_right_widget_visible(is_visible="open_pdf" not in self.list_helpful_actions(details))
        if record.pdf_file_path:
            self.pdf_button.enable_button()
        else:
            self.pdf_button.disable_with_reason(context.translate("record.document.nothing_stored"))

    def fit_panel_strips(self) -> None:
        super().fit_panel_strips()
        width = self.contents_area.viewport().width()
        self.document_panels.fit_width(width - 2 * tokens().px("spacing", "page_margin"))

    def list_focus_stops_above_tabs(self) -> tuple[QWidget, ...]:
        return (self.pdf_button,)

    def list_helpful_actions(self, details: CreditCheckDetails) -> tuple[str, ...]:
        return facts.list_offered_actions(details)

    # -- changes by other people

    def has_changed(self, earlier_details: CreditCheckDetails, details: CreditCheckDetails) -> bool:
        return earlier_details.record.version != details.record.version

    def show_change(
        self, earlier_details: CreditCheckDetails, details: CreditCheckDetails, last_entry: TimelineEntry
    ) -> None:
        """Show a bar which says that another person has changed the record. `earlier_details` and `details` are the
        data before and after the change, and the bar names the fields in which they differ. A button in the bar shows
        the old and new values of these fields. `last_entry` is the newest entry of the timeline; if no field differs,
        the bar names the event of this entry."""
        context = self.context
        changed_values = facts.format_changed_values(earlier_details.record, details.record, context)
        if not changed_values:
            super().show_change(earlier_details, details, last_entry)
            return
        fields = context.translate("record.changed_fields", fields=list(changed_values))
        button = self.make_difference_button(
            facts.format_differences(earlier_details.record, details.record, context)
        )
        actor_name = words.get_actor_name(last_entry.actor, context)
        self.show_change_bar(
            context.translate("record.changed_by", who=actor_name, at=last_entry.at, fields=fields), button
        )

    # -- actions

    def _run_action_by_shortcut(self, action_name: str) -> None:
        row = self.tabs.find_focused_row()
        if action_name == "open_pdf" and isinstance(row, DocumentRow):
            self.tabs.request_document(row)
        else:
            super()._run_action_by_shortcut(action_name)

    def run_kind_specific_action(self, action_name: str, details: CreditCheckDetails) -> None:
        record = details.record
        match action_name:
            case "probe":
                self.action_handlers.probe_record(record)
            case "refetch":
                self.action_handlers.open_refetch_dialog(record)
            case "resolve":
                self.action_handlers.open_resolve_dialog(record)
            case "renew" | "purchase":
                self.action_handlers.open_purchase_dialog(record.corporation_number, record.client_id)
            case "open_pdf":
                self._open_pdf()
            case "successor":
                advised = details.explanation.next_step.facts.get("successor")
                successor = record.superseded_by or record.duplicate_of or advised
                if isinstance(successor, int):
                    self.context.navigate(CreditCheckRoute(successor, (), self.sidebar_key))

    @Slot()
    def _open_pdf(self) -> None:
        self.context.navigate(PdfRoute(self.id))

    @Slot(str)
    def _compare_stored_pdf(self, sha256: str) -> None:
        """Open the page that compares the stored PDF that has this SHA-256 with the newest PDF. If `sha256` is the
        SHA-256 of the newest PDF, or "", the page compares the newest PDF with the PDF before it."""
        documents = () if self.details is None else self.details.documents
        older_sha256 = None if not documents or sha256 in ("", documents[0].sha256) else sha256
        self.context.navigate(PdfComparisonRoute(self.id, older_sha256))

    @Slot(str)
    def _open_stored_pdf(self, sha256: str) -> None:
        self.context.navigate(PdfRoute(self.id, sha256))

    @Slot()
    def _show_missing_pdf(self) -> None:
        self.show_key_refusal(self.context.translate("record.document.row_without_pdf"))
