"""The tabs of a record's page: timeline, tabs for this kind of record, notes, stored answers of the provider,
audit entries."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont, QResizeEvent, QSyntaxHighlighter, QTextBlockFormat, QTextCursor
from PySide6.QtWidgets import QBoxLayout, QTextEdit, QVBoxLayout, QWidget

from console.domain.records import EvidenceItem, TimelineEntry, is_attempt_overdue
from console.views.pages.static_table import StaticTable
from console.views.pages.whole_text_line import add_whole_text_line
from console.views.presenters import credit_checks as words
from console.views.presenters.audit import make_audit_result_cell
from console.views.presenters.credit_check_view import format_time_in_column
from console.views.presenters.records import RecordDetails, ShownRecord
from console.views.records.collaboration_actions import make_note_lines
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column
from console.views.theme.mixed_font_text import escape_direction_marks
from console.views.theme.theme import current_appearance
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import Surface, TextLabel, make_column, make_row, set_style_property
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.current_page_stack import CurrentPageStack
from console.wording import evidence_words
from console.wording.sentences import catalogue as wording


@dataclass(frozen=True, slots=True)
class RecordTab:
    """One tab of a record's page. `focus_stops` are the widgets of `content` that can have the focus, in tab
    order; the first one gets the focus when the person opens the tab."""

    name: str
    content: QWidget
    focus_stops: tuple[QWidget, ...]


class RecordTabs(QWidget):
    """The tabs of a record's page. Every record has the tabs timeline, notes, evidence and audit. `kind_tabs` are the
    tabs that only this kind of record has; they are placed after the timeline. `min_row_count` is the minimum height
    of a tab's content, as a number of table rows.

    Signals:
    - related_record_requested(object): the person wants to open the page of this related record.
    """

    related_record_requested = Signal(object)

    def __init__(self, context: WindowContext, kind_tabs: Sequence[RecordTab], *, min_row_count: int) -> None:
        super().__init__()
        translate = context.translate
        self._context = context
        self.tabs = TabBar(translate("record.tabs"))
        header = Surface(self, edge="bottom")
        header.setLayout(make_row(self.tabs, None))
        self._content_stack = CurrentPageStack(self, min_height_px=min_row_count * current_appearance().row_height())
        self._timeline_list, self._note_list = (
            TimelineList(
                translate("record.tab.timeline"), repeated_event_texts=words.make_repeated_event_texts(context)
            ),
            TimelineList(translate("record.tab.notes")),
        )
        self._evidence_view, self._audit_table = EvidenceView(context), make_audit_table(context)
        self._tabs = (
            RecordTab("timeline", self._timeline_list, (self._timeline_list,)),
            *kind_tabs,
            RecordTab("notes", self._note_list, (self._note_list,)),
            RecordTab("evidence", self._evidence_view, self._evidence_view.focus_stops),
            RecordTab("audit", add_whole_text_line(self._audit_table, ("who", "what")), (self._audit_table,)),
        )
        for tab in self._tabs:
            self.tabs.add_tab(translate(f"record.tab.{tab.name}"), data=tab.name)
            self._content_stack.addWidget(_add_empty_state(tab, context, self._content_stack))
        self.tabs.currentChanged.connect(self._content_stack.setCurrentIndex)
        self.setLayout(make_column(header, self._content_stack, gap_px=0))

    @property
    def current_tab_name(self) -> str:
        """The name of the open tab, such as "notes"."""
        return self._tabs[max(0, self.tabs.currentIndex())].name

    def show_tab(self, tab_name: object) -> None:
        """Open the tab with this name. Do nothing if this record has no such tab: the name may come from a stored
        state of the page of another record."""
        tab_names = [tab.name for tab in self._tabs]
        if tab_name in tab_names:
            self.tabs.setCurrentIndex(tab_names.index(str(tab_name)))

    def show_record(
        self, details: RecordDetails, lines: Sequence[TimelineLine], kind_tab_counts: Sequence[int]
    ) -> None:
        """Show the record of `details` in the tabs that every record has: `lines` in the timeline, then the record's
        notes, evidence and audit entries. The page calls this for a new record, and after it has read the shown
        record again; the open tab stays open. Also show the number of items in the title of each tab:
        `kind_tab_counts` are the numbers for the `kind_tabs`, in their order. The page itself fills the contents of
        the `kind_tabs`."""
        self._timeline_list.show_lines(lines)
        self._note_list.show_lines(make_note_lines(details.notes, self._context))
        self._evidence_view.show_evidence(list(reversed(details.evidence)))
        self._audit_table.show_rows(list(enumerate(details.timeline))[::-1])
        counts = (len(lines), *kind_tab_counts, len(details.notes), len(details.evidence), len(details.timeline))
        for number, count in enumerate(counts):
            self.tabs.set_count(number, wording.format_count(count))
            shown_widget = self._content_stack.widget(number)
            if isinstance(shown_widget, CurrentPageStack) and self._tabs[number].name in _TABS_WITH_EMPTY_STATE:
                shown_widget.setCurrentIndex(0 if count else 1)

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the tabs that can have the focus, in tab order."""
        return self.tabs, *(stop for tab in self._tabs for stop in tab.focus_stops)

    def find_focused_row(self) -> object | None:
        """Return the current row of the table that has the focus; None if no table of these tabs has the focus."""
        stops = (stop for tab in self._tabs for stop in tab.focus_stops)
        table = next((stop for stop in stops if isinstance(stop, StaticTable) and stop.hasFocus()), None)
        return table.current_item if table is not None else None

    @Slot()
    def open_evidence_tab(self) -> None:
        """Open the tab `evidence`, which has the stored answers of the provider, and give its content the focus."""
        self.show_tab("evidence")
        self.focus_content()

    def show_unmasked_answers(self, answers: Mapping[int, str]) -> None:
        """Show the stored answers in `answers` without masks. `answers` has their texts by the id of their evidence;
        if it is empty, show all answers masked again. The title of the tab says if the answers are masked."""
        title_key = "record.tab.evidence.unmasked" if answers else "record.tab.evidence"
        tab_number = [tab.name for tab in self._tabs].index("evidence")
        self.tabs.set_title(tab_number, self._context.translate(title_key))
        self._evidence_view.show_unmasked_answers(answers)

    def focus_content(self) -> None:
        """Give the focus to the content of the open tab. The single-letter shortcuts of the page work while the
        content has the focus."""
        self._tabs[self._content_stack.currentIndex()].focus_stops[0].setFocus(Qt.FocusReason.OtherFocusReason)


_TABS_WITH_EMPTY_STATE = frozenset({"timeline", "attempts", "notes", "evidence", "audit"})


def make_empty_tab_state(tab_name: str, context: WindowContext) -> EmptyState:
    """Return the widget to show in a tab without content. Its text says that there is no content, and describes the
    content that the tab can have.
    """
    wording_key = f"record.no_{tab_name}"
    return EmptyState(context.translate(wording_key), context.translate(f"{wording_key}_hint"), icon_name="dash")


def _add_empty_state(tab: RecordTab, context: WindowContext, parent: QWidget) -> QWidget:
    """Return the widget to show in `tab`: the content of the tab. For a tab that can be empty, return a stack with
    the content and with the text to show if the tab has no content."""
    if tab.name not in _TABS_WITH_EMPTY_STATE:
        return tab.content
    stack = CurrentPageStack(parent)
    stack.addWidget(tab.content)
    stack.addWidget(make_empty_tab_state(tab.name, context))
    return stack


def make_planned_lines(record: ShownRecord, context: WindowContext) -> list[TimelineLine]:
    """Return a list with the timeline line about the next step that is scheduled for the record; an empty list if no
    step is scheduled."""
    scheduled_at, reason = record.work.at, record.work.reason
    if scheduled_at is None:
        return []
    has_own_text = reason and wording.has_sentence(f"record.planned.{reason}")
    planned_text = context.translate(
        f"record.planned.{reason}" if has_own_text else "record.planned.other", attempt=record.work.attempt + 1
    )
    if is_attempt_overdue(record.work, context.now()):
        planned_text = context.translate("record.planned.overdue", planned=planned_text)
    return [
        TimelineLine(
            format_time_in_column(scheduled_at, context),
            wording.format_instant(scheduled_at),
            "clock",
            "muted",
            context.translate("who.worker"),
            planned_text,
        )
    ]


def make_audit_table(context: WindowContext) -> StaticTable:
    """Return an empty table for the audit entries of a record. Each row is a pair: the number of a TimelineEntry,
    counted from the oldest, and the TimelineEntry itself. So an entry keeps its key when newer ones are added."""
    translate = context.translate

    def get_entry(item: tuple[int, TimelineEntry]) -> TimelineEntry:
        return item[1]

    columns = [
        Column(
            "when",
            translate("column.when"),
            190,
            lambda item: wording.format_instant(get_entry(item).at)[:-4],
            "data",
        ),
        Column(
            "who", translate("column.who"), 104, lambda item: words.get_actor_name(get_entry(item).actor, context)
        ),
        Column(
            "what",
            translate("column.what"),
            320,
            lambda item: wording.format_audit_entry(get_entry(item), context.language),
            is_stretched=True,
        ),
        Column("code", translate("column.code"), 260, lambda item: get_entry(item).what, "data", is_muted=True),
        Column(
            "result",
            translate("column.result"),
            120,
            lambda item: make_audit_result_cell(get_entry(item), context),
            "state",
        ),
    ]
    return StaticTable(
        context,
        columns,
        lambda item: (get_entry(item).at, get_entry(item).what, item[0]),
        translate("record.tab.audit"),
    )


def format_stored_answer(stored_text: str | None) -> str:
    """Return the text of a stored answer of a provider. JSON is returned with one value per line, any other text
    unchanged, and "" for None."""
    try:
        return json.dumps(json.loads(stored_text or ""), ensure_ascii=False, indent=2)
    except ValueError:
        return stored_text or ""


_MIN_WIDTH_OF_BOTH_HALVES_PX = 900  # at text size 1; beside the text of an answer, a narrower table cuts its cells
_MIN_VISIBLE_ANSWER_LINES = 10  # with less room, the page scrolls and shows the whole answer


class QuotationMarkPainter(QSyntaxHighlighter):
    """Paints the straight quotation marks of a text in the text font, because the figures font draws them as closing
    quotation marks. They stay as wide as the letters of the figures font."""

    def highlightBlock(self, text: str) -> None:
        appearance = current_appearance()
        figures_width, text_width = (
            appearance.font_metrics("data", uses_figures_font=uses_figures_font).horizontalAdvance('"')
            for uses_figures_font in (True, False)
        )
        font = QFont(appearance.font("data", uses_figures_font=False))
        font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, figures_width - text_width)
        for mark in re.finditer('"+', text):
            self.setFormat(mark.start(), len(mark.group()), font)


class EvidenceView(QWidget):
    """The content of the tab with the stored answers of the providers about a record: a table of the answers, and the
    text of the selected answer to its right, or below it if the tab is too narrow for both. If the summary of this
    answer is too long for the table, the whole summary is above the text.
    """

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        translate = context.translate
        columns = [
            Column("when", translate("column.when"), 176, lambda item: wording.format_instant(item.at)[:-4], "data"),
            Column("source", translate("column.source_of"), 190, self._format_source),
            Column(
                "summary",
                translate("column.summary"),
                200,
                self._format_summary,
                is_stretched=True,
            ),
        ]
        self._table = StaticTable(context, columns, lambda item: item.id, translate("record.tab.evidence"))
        self.summary_label = TextLabel("", wraps_lines=True)
        self._answer_text = QTextEdit()
        self._answer_text.setReadOnly(True)
        self._answer_text.setTabChangesFocus(True)
        self._mark_painter = QuotationMarkPainter(self._answer_text.document())
        self._set_answer_font()
        self._answer_text.setAccessibleName(translate("record.answer_text"))
        self._selectable_text_flags = self._answer_text.textInteractionFlags()
        self._unmasked_answers: Mapping[int, str] = {}
        # Not in `changeEvent`: Qt applies the style sheet to the field later, and would restore the previous font.
        current_appearance().changed.connect(self._set_answer_font)
        current_appearance().changed.connect(self._arrange_halves)
        self._table.current_changed.connect(self._show_selected_answer)
        self._table.rows.page_applied.connect(self._select_first_answer)
        self._table.columns_fitted.connect(self._show_cut_summary)
        self._table.horizontalHeader().sectionResized.connect(self._show_cut_summary)
        self._text_panel = Surface(edge="left")
        text_layout = QVBoxLayout(self._text_panel)
        text_layout.setContentsMargins(12, 8, 12, 8)
        text_layout.addWidget(self.summary_label)
        text_layout.addWidget(self._answer_text)
        self._halves = make_row(self._table, self._text_panel, gap_px=0)
        self._halves.setStretch(0, 3)
        self._halves.setStretch(1, 2)
        self.setLayout(self._halves)
        self.setFocusProxy(self._table)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        return self._table, self._answer_text

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange_halves()

    @Slot()
    def _arrange_halves(self) -> None:
        """Put the text of the answer beside the table if the tab is wide enough for the text size, otherwise below
        the table."""
        is_wide = self.width() >= _MIN_WIDTH_OF_BOTH_HALVES_PX * current_appearance().scale
        direction = QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        if direction != self._halves.direction():
            self._halves.setDirection(direction)
            set_style_property(self._text_panel, "edge", "left" if is_wide else "top")

    def _format_source(self, item: EvidenceItem) -> str:
        return evidence_words.format_evidence_source(item.source, self._context.language)

    def _format_summary(self, item: EvidenceItem) -> str:
        return wording.capitalize_first_letter(wording.format_evidence_summary(item.summary, self._context.language))

    def show_evidence(self, items: Sequence[EvidenceItem]) -> None:
        self._table.show_rows(items)

    def show_unmasked_answers(self, answers: Mapping[int, str]) -> None:
        """Show the unmasked texts in `answers` in place of the masked ones; `answers` has the texts by the id of
        their evidence. If `answers` is empty, show the masked texts again. The person can't select an unmasked text,
        so that no copy of it is made."""
        self._unmasked_answers = answers
        self._answer_text.setTextInteractionFlags(
            Qt.TextInteractionFlag.NoTextInteraction if answers else self._selectable_text_flags
        )
        self._show_selected_answer(self._table.current_item)

    @Slot()
    def _set_answer_font(self) -> None:
        """Set the font of the shown answer to the font for figures, in the present text size."""
        self._answer_text.setFont(current_appearance().font("data"))
        self._set_answer_line_height()
        self._mark_painter.rehighlight()

    def _set_answer_line_height(self) -> None:
        """Set the line height of the shown answer to the line height of its text role, because lines with the font's
        own line height would touch each other. Also set the minimum height of the field, in lines."""
        appearance, cursor = current_appearance(), QTextCursor(self._answer_text.document())
        self._answer_text.setMinimumHeight(_MIN_VISIBLE_ANSWER_LINES * appearance.line_height("data"))
        line_format = QTextBlockFormat()
        # fixed, because a line with letters of the text font would be higher than one without
        line_format.setLineHeight(appearance.line_height("data"), QTextBlockFormat.LineHeightTypes.FixedHeight.value)
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.mergeBlockFormat(line_format)

    @Slot()
    def _select_first_answer(self) -> None:
        """Select the first answer of the table if no answer is selected."""
        if self._table.current_item is None:
            self._table.go_to_first_row()

    @Slot(object)
    def _show_selected_answer(self, item: object) -> None:
        if isinstance(item, EvidenceItem):
            placeholder_text = self._context.translate("record.no_answer_text")
            body = self._unmasked_answers.get(item.id, item.body)
            self._answer_text.setPlainText(escape_direction_marks(format_stored_answer(body)) or placeholder_text)
            self._set_answer_line_height()
        self._show_cut_summary()

    @Slot()
    def _show_cut_summary(self) -> None:
        """Show the whole summary of the selected answer above its text if the table cuts it off."""
        item = self._table.current_item
        cut_item = item if isinstance(item, EvidenceItem) and self._table.is_cell_cut("summary", item) else None
        self.summary_label.show_text(self._format_summary(cut_item) if cut_item is not None else "")
        self.summary_label.setVisible(cut_item is not None)
