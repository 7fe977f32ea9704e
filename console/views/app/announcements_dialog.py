"""The dialog that lists the earlier messages of the window: the sentences of its toasts, bars and dialogs."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from console.views.frame.main_window import WindowFrame
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.runtime.announcer import Announcement, Announcer
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import get_record_ref
from console.views.tables.columns import Column, StateCell
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import FileButtons
from console.wording.audit_words import format_record_reference
from console.wording.sentences import catalogue as wording

_VISIBLE_ANNOUNCEMENT_ROWS = 10


class AnnouncementsDialog(DialogFrame):
    """The dialog that lists the messages which the window has shown, the newest first; below the list is the full
    sentence of the selected one. The person can open the record that a message is about, or the folder of the
    file that it names.
    """

    is_wide = True

    def __init__(self, context: WindowContext, announcer: Announcer, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            translate("dialog.notices.title"),
            translate("dialog.notices.what"),
            cancel_text=translate("action.close"),
            main_button_text=translate("action.open"),
            close_name=translate("action.close"),
            parent=parent,
        )
        self._context, self._announcer = context, announcer
        self.table = StaticTable(
            context,
            _make_announcement_columns(context),
            lambda announcement: announcement,
            translate("dialog.notices.title"),
        )
        self._table_or_empty_state = TableOrEmptyState(
            self.table, EmptyState(translate("dialog.notices.empty"), translate("dialog.notices.empty_hint"))
        )
        self._table_or_empty_state.setFixedHeight(self.table.compute_dialog_list_height(_VISIBLE_ANNOUNCEMENT_ROWS))
        self.sentence_label = TextLabel("", wraps_lines=True, is_selectable=True)
        self.sentence_label.setMinimumHeight(2 * current_appearance().line_height("body"))
        content = QWidget()
        self.file_buttons = FileButtons(translate("action.copy_path"), translate("action.open_folder"))
        self.file_buttons.show_path("")
        content.setLayout(make_column(self._table_or_empty_state, self.sentence_label, self.file_buttons, gap_px=8))
        self.show_content(content)
        self.table.opened.connect(self._open_record_of_announcement)
        self.table.current_changed.connect(self._show_selected_announcement)
        self.table.rows.page_applied.connect(self._select_first_announcement)
        self.main_button.clicked.connect(self._open_record_of_selected_announcement)
        announcer.announced.connect(self.show_announcements)
        self.show_announcements()

    def find_first_focus(self) -> QWidget:
        return self.table if self.table.all_rows else super().find_first_focus()

    @Slot()
    def show_announcements(self) -> None:
        self._table_or_empty_state.show_rows(self._announcer.announcements, is_automatic=True)
        self._show_selected_announcement()

    @Slot()
    def _select_first_announcement(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        self._show_selected_announcement()

    @Slot()
    def _show_selected_announcement(self) -> None:
        announcement = self.table.current_item
        self.sentence_label.show_text(announcement.sentence if isinstance(announcement, Announcement) else "")
        self.file_buttons.show_path(announcement.path if isinstance(announcement, Announcement) else "")
        if isinstance(announcement, Announcement) and announcement.route is not None:
            self.enable_main_button()
        else:
            self.disable_main_button(self._context.translate("dialog.notices.open_off"))

    @Slot()
    def _open_record_of_selected_announcement(self) -> None:
        self._open_record_of_announcement(self.table.current_item)

    @Slot(object)
    def _open_record_of_announcement(self, announcement: object) -> None:
        if isinstance(announcement, Announcement) and announcement.route is not None:
            self.accept()
            self._context.navigate(announcement.route)
        else:
            self.announce_disabled_reason()


def _make_announcement_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def format_time(announcement: Announcement) -> str:
        return wording.format_short_instant(announcement.at, context.now())

    def make_sentence_cell(announcement: Announcement) -> StateCell:
        return StateCell(announcement.sentence, announcement.icon_name or "dash", announcement.tone)

    def format_record(announcement: Announcement) -> str:
        if announcement.route is None:
            return ""
        kind, id = get_record_ref(announcement.route)
        return format_record_reference(kind, id, context.language)

    return [
        Column("when", translate("column.when"), 112, format_time, "data"),
        Column("sentence", translate("column.what"), 480, make_sentence_cell, "state", is_stretched=True),
        Column("record", translate("column.record"), 120, format_record, "data"),
    ]


def open_announcements_dialog(frame: WindowFrame) -> AnnouncementsDialog:
    """Open the dialog with the earlier messages of the window over the window, and return it."""
    dialog = AnnouncementsDialog(frame.context, frame.announcer, frame.window)
    dialog.open()
    return dialog
