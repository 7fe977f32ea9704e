"""The list of a company's open items: one line for each record that still needs a step, with this step."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.records import CreditCheck
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import IconLabel, Surface, TextLabel, clear_layout, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton

_MAX_SHOWN_OPEN_RECORDS = 3


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
        self._title_label = TextLabel(context.translate("lookup.open_matters"), "section", heading=2)
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

    def show_records(self, records: Sequence[ShownRecord]) -> None:
        clear_layout(self._lines)
        self._records = []
        for number, record in enumerate(records[:_MAX_SHOWN_OPEN_RECORDS]):
            self._lines.addWidget(
                self._make_record_line(record, is_last=number == min(len(records), _MAX_SHOWN_OPEN_RECORDS) - 1)
            )
        self._count_label.show_text(str(len(records)))
        self.setVisible(bool(records))

    @property
    def focus_stops(self) -> list[QWidget]:
        """The buttons of the list, in tab order."""
        return [*self._line_surface.findChildren(KeyButton)]

    def find_record(self, widget: QWidget) -> ShownRecord | None:
        """Return the record of the line that contains `widget`; None if no line contains it."""
        line_index = widget.property("place") if self.isAncestorOf(widget) else None
        return self._records[int(line_index)] if line_index is not None else None

    def _make_record_line(self, record: ShownRecord, *, is_last: bool) -> QWidget:
        context = self._context
        badge = words.make_state_cell(case_words.get_most_specific_badge_key(record, context.now()), context.language)
        explanation = case_words.explain_record(record, context.now())
        verdict, _, next_text = words.format_explanation(explanation, context)
        button = KeyButton(context.translate("action.open"), kind="inline")
        title = case_words.format_record_title(record, context)
        is_check = isinstance(record, CreditCheck)
        button_name = (
            context.translate("lookup.open_matter", id=record.id)
            if is_check
            else context.translate("case.open", title=title)
        )
        button.setAccessibleName(button_name)
        button.setProperty("place", len(self._records))
        self._records.append(record)
        button.clicked.connect(self._open_pressed_record)
        line = Surface(edge="none" if is_last else "bottom")
        word = TextLabel(badge.word, "body", badge.tone if badge.tone != "good" else "text")
        word.setMinimumWidth(72)
        name = TextLabel(case_words.format_short_title(record, context))
        name.setMinimumWidth(64)
        amount = TextLabel(case_words.format_amount_with_difference_mark(record, self._context))
        step_label = TextLabel(context.translate("lookup.matter", verdict=verdict, next=next_text), wraps_lines=True)
        sign = IconLabel(badge.icon_name, badge.tone, 14)
        box = make_row(sign, word, 8, name, 8, amount, 8, step_label, 8, button, gap_px=5, margins=(14, 5, 10, 5))
        box.setStretchFactor(step_label, 1)
        line.setLayout(box)
        return line

    @Slot()
    def _open_pressed_record(self) -> None:
        self.record_requested.emit(self._records[int(self.sender().property("place"))])
