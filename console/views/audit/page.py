"""The audit page: the list of audit entries, newest first, with the buttons that verify and export the trail."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import AUDITOR
from console.domain.audit.verification import VerifiedTrail
from console.domain.errors import ErrorCode
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import AuditEntry
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.fitted_table import FittedTable
from console.views.pages.whole_text_line import WholeTextLine
from console.views.presenters import credit_checks as record_words
from console.views.presenters.audit import make_audit_result_cell
from console.views.presenters.columns import measure_column_width
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage
from console.views.runtime.routes import make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.tables.columns import Column
from console.views.tables.paged_model import PagedModel
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording import audit_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console


class AuditPage(Page):
    """The page with the list of audit entries, newest first. An operator sees only the entries about their own
    actions, an auditor sees all entries. Nobody can change an entry."""

    sidebar_key = "audit"
    help_key = "help.audit"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("V",), "key.verify"),
        *list_export.EXPORT_KEY_HINTS,
        (("F5",), "key.reread"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.head = self.make_page_head(translate("screen.audit"), translate("audit_screen.sentence"))
        self.verify_button = KeyButton(translate("action.verify"), "V", icon="shield", binds_key=False)
        self.verify_button.clicked.connect(self._verify_trail)
        self.exporter = ListExporter(context, self, lambda: ExportRequest(ListName.AUDIT))
        self.rows = PagedModel(_make_audit_columns(context), lambda entry: entry.id, context.runner, parent=self)
        self.table = FittedTable(self.rows, translate("screen.audit"), hideable_columns=("chain",))
        ColumnWidthStorage(context, self.table, "audit")
        self.table.opened.connect(self._open_record)
        self.rows.page_applied.connect(self._show_newly_read_entries)
        self.rows.failed.connect(self.show_reading_failure)
        margin = tokens().px("spacing", "page_margin")
        toolbar = Surface(edge="bottom")
        self.owner_label = TextLabel("", "small", "muted", wraps_lines=True)
        toolbar.setLayout(
            make_row(self.verify_button, self.exporter.button, 8, self.owner_label, margins=(margin, 8, margin, 8))
        )
        self.add_content(self.head)
        self.add_content(toolbar)
        self.add_content(self.table, 1)
        self.whole_text_line = WholeTextLine(self.table, ("who", "what"))
        self.add_content(self.whole_text_line)
        self.add_key_hints(self.table)
        self.add_button_shortcut(self.verify_button)
        context.people_changed.connect(self._show_owner_of_entries)
        context.person_changed.connect(self._show_owner_of_entries)
        self._show_owner_of_entries()

    @Slot()
    def _show_owner_of_entries(self) -> None:
        """Say that the person sees only their own entries; say nothing to an auditor, who sees all entries, and until
        the acting person's roles are read."""
        person = self.context.current_person
        is_limited = person is not None and AUDITOR not in person.roles
        self.owner_label.show_text(self.context.translate("audit_screen.only_own") if is_limited else "")

    def show_route(self, route: object) -> None:
        if self.rows.rowCount() == 0:
            self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.table,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # new entries are added on top; they are read on request

    def read_data(self, reason: str) -> None:
        if reason in ("arrived", "entered", "person"):
            self.hide_bar("verify")
            self.rows.read_query(self.context.make_page_reader(_read_newest_entries))
        else:
            self.rows.read_rows_again()

    @Slot()
    def _show_newly_read_entries(self) -> None:
        self.mark_data_read()
        if self.table.current_item is None:
            self.table.go_to_first_row()

    @Slot(object)
    def _open_record(self, entry: AuditEntry) -> None:
        kind, _, id = entry.subject.partition(" ")
        if kind in RECORD_KINDS and id.isdecimal():
            self.context.navigate(make_route_to_record(kind, int(id), (), "audit"))
        else:
            self.show_key_refusal(self.context.translate("act.nothing_to_open"))

    # -- verification

    @Slot()
    def _verify_trail(self) -> None:
        self.verify_button.set_busy(self.context.translate("audit_screen.verifying"))
        self.context.run_read(
            lambda services: services.audit.verify_trail(),
            self._show_verified_bar,
            self._show_broken_trail,
            caller=self,
            key="verify",
        )

    def _show_verified_bar(self, trail: VerifiedTrail) -> None:
        self.verify_button.enable_button()
        verified_sentence = audit_words.format_verified_trail(trail, self.context.language)
        self.show_bar(
            "verify",
            NotificationBar(
                self.context.translate("audit_screen.unbroken"), verified_sentence, tone="good", icon_name="shield"
            ),
        )

    def _show_broken_trail(self, failure: Failure) -> None:
        self.verify_button.enable_button()
        lead = self.context.translate(
            "audit_screen.broken_lead" if failure.code == ErrorCode.AUDIT_BROKEN else "screen.not_read"
        )
        self.show_bar(
            "verify", NotificationBar(lead, self.context.format_failure(failure), tone="bad", icon_name="warning")
        )


def _read_newest_entries(services: "Console", cursor: object, limit: int) -> FetchedPage:
    """Return one page of the list: at most `limit` audit entries, newest first, and the cursor of the next page (None
    at the end). `cursor` is the id of the last entry of the previous page; None for the first page."""
    before_id = cursor if isinstance(cursor, int) else None
    entries = services.audit.list_entries(limit, before_id)
    return FetchedPage(entries, entries[-1].id if len(entries) == limit else None)


def _make_audit_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_action(entry: AuditEntry) -> str:
        return audit_words.format_audit_action(entry, context.language)

    def format_subject(entry: AuditEntry) -> str:
        return audit_words.format_audit_subject(entry, context.language)

    return [
        Column("when", translate("column.when"), 190, lambda entry: wording.format_instant(entry.at)[:-4], "data"),
        Column("who", translate("column.who"), 136, lambda entry: record_words.get_actor_name(entry.who, context)),
        Column("what", translate("column.what"), 320, format_action, is_stretched=True),
        Column(
            "record", translate("column.record"), measure_column_width("ORD-2026-000001", 32), format_subject, "data"
        ),
        Column(
            "result", translate("column.result"), 120, lambda entry: make_audit_result_cell(entry, context), "state"
        ),
        Column("chain", translate("column.entry"), 88, lambda entry: str(entry.id), "amount"),
    ]
