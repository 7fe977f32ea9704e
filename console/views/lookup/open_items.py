"""The list of a company's open items, the records that still need a step. A line names one record and this step; the
list has at most three lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.records import CreditCheck
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.tables.columns import StateCell
from console.views.theme.design_tokens import Tone, tokens
from console.views.widgets.base import IconLabel, Surface, TextLabel, clear_layout, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton

_MAX_SHOWN_OPEN_RECORDS = 3
_NEXT_STEP_LABEL_NAME = "step"


@dataclass(frozen=True, slots=True)
class _OpenRecordLine:
    """The contents of one line of the list: the badge of the record's state, its name, its amount and its next step
    as texts, and the name of the line's button for screen readers."""

    badge: StateCell
    name: str
    amount: str
    next_step: str
    button_name: str


class _ColumnLabel(TextLabel):
    """A label that is as wide as the widest label of its column, so that the texts of all lines are aligned. `column`
    is the list of the column's labels; the new label adds itself to it."""

    def __init__(self, column: "list[_ColumnLabel]", text: str, tone: Tone = "text") -> None:
        super().__init__(text, "body", tone)
        self._column = column
        column.append(self)

    def sizeHint(self) -> QSize:
        return QSize(max(label.measure_line_width() for label in self._column), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class OpenRecordList(QWidget):
    """The list of the records that still need a step, at most three lines; the tables below it contain all
    records.

    Signals:
    - record_requested(object): the person wants to open the page of this record.
    """

    record_requested = Signal(object)

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self._records: list[ShownRecord] = []
        self._shown_lines: list[_OpenRecordLine] = []
        self._held_back_records: Sequence[ShownRecord] | None = None
        self._title_label = TextLabel(context.translate("lookup.open_matters"), "section", heading_level=2)
        self._count_label = TextLabel("", "data", "muted")
        self._line_surface = Surface(edge="all")
        self._lines = QVBoxLayout(self._line_surface)
        self._lines.setContentsMargins(1, 1, 1, 1)
        self._lines.setSpacing(0)
        margin = tokens().px("spacing", "page_margin")
        list_area = Surface(edge="bottom")
        list_area.setLayout(
            make_column(
                make_row(self._title_label, self._count_label, None),
                self._line_surface,
                gap_px=8,
                margins=(margin, 12, margin, 16),
            )
        )
        self.setLayout(make_column(list_area))
        self.hide()

    def show_records(self, records: Sequence[ShownRecord], *, must_keep_places: bool = False) -> None:
        """Show these records. With `must_keep_places`, because the mouse pointer is over this list or below it, no
        line appears, disappears or changes its height. In this case a line whose record has changed only shows a text
        about the change, and `show_held_back_records` shows the new lines later. If the button of a line has the
        focus, the focus stays on the record of this line."""
        self._count_label.show_text(str(len(records)))
        lines = [self._make_open_record_line(record) for record in records[:_MAX_SHOWN_OPEN_RECORDS]]
        self._held_back_records = None
        if lines == self._shown_lines:
            self._records = list(records[: len(lines)])
            return
        if must_keep_places:
            self._held_back_records = records
            self._mark_changed_lines(lines)
            return
        focused_button = next((button for button in self.focus_stops if button.hasFocus()), None)
        focused_record = self.find_record(focused_button) if focused_button is not None else None
        clear_layout(self._lines)
        self._records, self._shown_lines = list(records[: len(lines)]), lines
        columns: tuple[list[_ColumnLabel], ...] = ([], [], [])
        for index, line in enumerate(lines):
            self._lines.addWidget(self._make_line_widget(line, index, columns))
        self.setVisible(bool(records))
        if focused_record is not None:
            self._focus_record(case_words.make_record_ref(focused_record))

    def show_held_back_records(self) -> None:
        """Show the records that were not shown before because the mouse pointer was over the list. Do nothing if
        there are none."""
        if self._held_back_records is not None:
            self.show_records(self._held_back_records)

    def _focus_record(self, ref: RecordRef) -> None:
        """Give the focus to the button of this record or, if it is no longer in the list, to the first button."""
        refs = [case_words.make_record_ref(record) for record in self._records]
        buttons = self.focus_stops
        if buttons:
            buttons[refs.index(ref) if ref in refs else 0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _mark_changed_lines(self, new_lines: Sequence["_OpenRecordLine"]) -> None:
        """In each shown line that `new_lines` doesn't contain, show a text which says that the record of this line
        has changed."""
        changed_text, line_widgets = self._context.translate("lookup.matter_changed"), self._list_line_widgets()
        for index, line in enumerate(self._shown_lines):
            widget = line_widgets[index]
            step_label = widget.findChild(TextLabel, _NEXT_STEP_LABEL_NAME)
            if line not in new_lines and step_label is not None:
                widget.setFixedHeight(widget.height())
                step_label.show_text(changed_text, "care")
                self._shown_lines[index] = replace(line, next_step=changed_text)

    @property
    def focus_stops(self) -> list[QWidget]:
        """The buttons of the list, in tab order."""
        return [button for line in self._list_line_widgets() for button in line.findChildren(KeyButton)]

    def _list_line_widgets(self) -> list[QWidget]:
        """Return the widgets of the shown lines, from top to bottom."""
        items = map(self._lines.itemAt, range(self._lines.count()))
        return [widget for item in items if item is not None and (widget := item.widget()) is not None]

    def find_record(self, widget: QWidget) -> ShownRecord | None:
        """Return the record of the line that contains `widget`; None if no line contains it."""
        line_index = widget.property("place") if self.isAncestorOf(widget) else None
        return self._records[int(line_index)] if line_index is not None else None

    def _make_open_record_line(self, record: ShownRecord) -> "_OpenRecordLine":
        context = self._context
        badge = words.make_state_cell(case_words.get_most_specific_badge_key(record, context.now()), context.language)
        explanation = case_words.explain_record_to_acting_person(record, context)
        verdict, _, next_text = words.format_explanation(explanation, context)
        button_name = (
            context.translate("lookup.open_matter", id=record.id)
            if isinstance(record, CreditCheck)
            else context.translate("case.open", title=case_words.format_record_title(record, context))
        )
        return _OpenRecordLine(
            badge,
            case_words.format_record_title(record, context),
            case_words.format_amount_with_difference_mark(record, context),
            context.translate("lookup.matter", verdict=verdict, next=next_text),
            button_name,
        )

    def _make_line_widget(
        self, text: "_OpenRecordLine", index: int, columns: tuple[list[_ColumnLabel], ...]
    ) -> QWidget:
        """Return the widget of the line at the position `index` (from 0) of the list, with the contents `text`. Its
        labels with the state, the name and the amount of the record are added to the three lists in `columns`, in
        this order.
        """
        button = KeyButton(self._context.translate("action.open"), kind="inline")
        button.setAccessibleName(text.button_name)
        button.setProperty("place", index)
        button.clicked.connect(self._open_pressed_record)
        line = Surface(edge="none" if index == len(self._shown_lines) - 1 else "bottom")
        badge = text.badge
        states, names, amounts = columns
        word = _ColumnLabel(states, badge.word, badge.tone if badge.tone != "good" else "text")
        word.setMinimumWidth(72)
        name = _ColumnLabel(names, text.name)
        name.setMinimumWidth(64)
        amount = _ColumnLabel(amounts, text.amount)
        amount.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        step_label = TextLabel(text.next_step, wraps_lines=True)
        step_label.setObjectName(_NEXT_STEP_LABEL_NAME)
        sign = IconLabel(badge.icon_name, badge.tone, 14)
        box = make_row(sign, word, 8, name, 8, amount, 8, step_label, 8, button, gap_px=5, margins=(14, 5, 10, 5))
        box.setStretchFactor(step_label, 1)
        line.setLayout(box)
        return line

    @Slot()
    def _open_pressed_record(self) -> None:
        self.record_requested.emit(self._records[int(self.sender().property("place"))])
