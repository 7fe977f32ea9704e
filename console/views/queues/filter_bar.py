"""The filter above a queue. It is written as a sentence, with drop-down lists for provider, age, amount, owner and
sort order, and has a field for free text.

Each condition of a drop-down list is an operator of the filter's text form, such as `amount:>50000`. A person can
also type operators into the field, including operators that no list offers.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMenu, QWidget

from console.domain.queues.causes import CauseGroup
from console.domain.queues.filter_text import ParsedFilter, format_filter, is_own_records_operator, parse_filter
from console.domain.queues.filters import NO_OWNER
from console.domain.queues.sort_order import (
    DEFAULT_SORT_ORDER,
    QueueSortOrder,
    SortColumn,
    format_sort_order,
    parse_sort_order,
)
from console.views.queues import filter_lists
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import IconLabel, Surface, TextLabel, make_column, make_row, set_style_property
from console.views.widgets.controls.inputs import FilterChip, LineEdit
from console.views.widgets.layout.flow_layout import make_flow_widget

_TYPING_PAUSE_MS = 200
_FILTER_FIELD_WIDTH_PX = 140
_OFFERED_SORT_ORDERS = ("", "age", "-age", "-amount", "amount", "next", "cause")
_WORDING_KEY_BY_SORT_COLUMN = {SortColumn.OWNER: "taken_by"}
_SENTENCE_GAP_PX = 6
_SENTENCE_UNIT_SEPARATOR = "|"  # in the template of the sentence: here a new line may begin
_PLACEHOLDER_PATTERN = re.compile(r"\{(\w+)\}")


class FilterOperatorChip(FilterChip):
    """A drop-down list whose entries are filter operators; the entry "" means no condition. If the current operator
    is none of the offered operators, the list has an additional entry for it until the person selects another
    operator.
    """

    def __init__(self, name: str, offered_operators: Sequence[tuple[str, str]]) -> None:
        """`name` is the accessible name of the list. `offered_operators` are pairs of an operator and its text; the
        operator of the first pair is "", no condition."""
        super().__init__(name)
        self._offered_count = 0
        self.offer_operators(offered_operators)

    def offer_operators(self, offered_operators: Sequence[tuple[str, str]]) -> None:
        """Replace the entries by these pairs of an operator and its text; the operator of the first pair is "", no
        condition. The selected operator stays selected."""
        chosen_operator, selected_text = self.operator, self.currentText()
        self.blockSignals(True)
        self.clear()
        for operator, text in offered_operators:
            self.addItem(text, operator)
        self._offered_count = len(offered_operators)
        self.blockSignals(False)
        self.select_operator(chosen_operator, selected_text)

    @property
    def operator(self) -> str:
        return str(self.currentData() or "")

    def select_operator(self, operator: str, text: str = "") -> None:
        """Select an operator without emitting a signal. If the list doesn't offer the operator, it gets an additional
        entry with the text `text`."""
        self.blockSignals(True)
        while self.count() > self._offered_count:
            self.removeItem(self._offered_count)
        entry_index = self.findData(operator)
        if entry_index < 0:
            self.addItem(text or operator, operator)
            entry_index = self.count() - 1
        self.setCurrentIndex(entry_index)
        self.blockSignals(False)
        self.updateGeometry()


class _SentenceUnit(QWidget):
    """One drop-down list of the sentence in which the filter bar shows the filter, together with the words of the
    sentence that belong to the list, such as a preposition before it or a comma after it. The list and its words stay
    on one line."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.chips = [widget for widget in widgets if isinstance(widget, FilterOperatorChip)]
        self._labels = [widget for widget in widgets if isinstance(widget, TextLabel)]
        self._row = make_row(*widgets, gap_px=_SENTENCE_GAP_PX)
        self.setLayout(self._row)

    def append_widget(self, widget: QWidget) -> None:
        """Put a widget that isn't part of the sentence at the end of the unit, on the same line."""
        self._row.addWidget(widget)

    def show_chips(self, *, is_shown: bool, has_words: bool) -> None:
        """Show this unit with its drop-down list if `is_shown` is True; otherwise hide the unit. The words that
        belong to the list are visible only if `has_words` is True as well."""
        for chip in self.chips:
            chip.setVisible(is_shown)
        for label in self._labels:
            label.setVisible(has_words)
        self.setVisible(is_shown)


class QueueFilterBar(Surface):
    """The widget in which a person filters and orders a queue. In its text field, the keys Down, Enter and Esc
    move the focus to the table of the queue; Esc also removes every condition.

    Signals:
    - changed: the filter or the sort order has changed. While the person types, it is emitted after a pause of
      _TYPING_PAUSE_MS milliseconds.
    - causes_requested: the person has opened the list of causes; the page must read the causes and call
      `offer_causes`.
    - focus_released: the person wants to return to the table; the page must move the focus there.
    """

    changed = Signal()
    causes_requested = Signal()
    focus_released = Signal()

    def __init__(self, context: WindowContext, parent: QWidget | None = None) -> None:
        super().__init__(parent, edge="bottom")
        self._context = context
        translate = context.translate
        self.edit = LineEdit()
        self.edit.setAccessibleName(translate("field.filter"))
        self.edit.setPlaceholderText(translate("queue.filter_prompt"))
        self.match_count_label = TextLabel("", "small", "muted")
        self.match_count_label.hide()
        self.chip_by_list_name = {
            name: FilterOperatorChip(translate(f"queue.filter.{name}"), list(self._list_offered_operators(name)))
            for name in _FILTER_CHIP_NAMES
        }
        self._sentence_units = list(self._make_sentence_units())
        self._requested_list_names: set[str] = set()
        offered_names = [name for name in filter_lists.OPTIONAL_FILTER_LIST_NAMES if self._offers_conditions(name)]
        list_title = translate("queue.filter.further")
        self.further_lists = FilterOperatorChip(
            list_title, [("", list_title), *((name, translate(f"queue.filter.{name}")) for name in offered_names)]
        )
        self.further_lists.activated.connect(self._add_filter_list)
        self._sentence_units[-1].append_widget(self.further_lists)  # it never stands alone on a line
        self._is_compact = False
        line_widgets: list[QWidget] = [
            IconLabel("filter", "muted"),
            self.edit,
            *self._sentence_units,
            self.match_count_label,
        ]
        self._layout = make_column(
            make_flow_widget(*line_widgets, gap_px=_SENTENCE_GAP_PX, line_gap_px=6, parent=self)
        )
        self.setLayout(self._layout)
        self.set_compact(is_compact=False)
        self._fit_width()
        self._timer = QTimer(self, singleShot=True, interval=_TYPING_PAUSE_MS)
        self._timer.timeout.connect(self._read_typed_text)
        self.edit.textEdited.connect(self._timer.start)
        self.edit.editingFinished.connect(self.move_operators_to_lists)
        self.edit.installEventFilter(self)
        for chip in self.chip_by_list_name.values():
            chip.currentIndexChanged.connect(self._fit_lists_and_emit_changed)

    # -- the sentence

    def _make_sentence_units(self) -> Iterator["_SentenceUnit"]:
        """Yield the parts of the sentence, in the word order of the window's language. Each part is a drop-down list
        with the words that belong to it; a line break never divides a part. Each optional list is a part of its own,
        before the list of owners."""
        sentence = self._context.translate(
            "queue.filter_sentence", **{name: f"{{{name}}}" for name in _FILTER_CHIP_NAMES_IN_SENTENCE}
        )
        for unit_text in sentence.split(_SENTENCE_UNIT_SEPARATOR):
            texts_and_names = _PLACEHOLDER_PATTERN.split(unit_text)
            if filter_lists.PERMANENT_FILTER_LIST_NAMES[-1] in texts_and_names[1::2]:
                yield from (
                    _SentenceUnit(self.chip_by_list_name[name]) for name in filter_lists.OPTIONAL_FILTER_LIST_NAMES
                )
            yield _SentenceUnit(
                *(
                    self.chip_by_list_name[part] if index % 2 else TextLabel(part.strip(), "body", "muted")
                    for index, part in enumerate(texts_and_names)
                    if part.strip()
                )
            )

    def _offers_conditions(self, name: str) -> bool:
        """True if the drop-down list `name` has at least one condition that a person can select. This is False only
        for the list "client" if the settings contain no clients."""
        return name != "client" or bool(self._context.settings.clients)

    @Slot(int)
    def _add_filter_list(self, entry_index: int) -> None:
        """Show a hidden drop-down list in the sentence and give it the focus. `entry_index` is the index of the entry
        that the person has selected in the list of further conditions."""
        name = str(self.further_lists.itemData(entry_index) or "")
        self.further_lists.select_operator("")
        if name:
            self._show_filter_list(name)

    def _show_filter_list(self, name: str) -> None:
        self._requested_list_names.add(name)
        self._show_needed_lists()
        self.chip_by_list_name[name].setFocus(Qt.FocusReason.OtherFocusReason)
        if name == "cause":
            self.causes_requested.emit()

    def add_lists_to_menu(self, menu: QMenu) -> None:
        """Add a submenu to `menu` with one entry for each drop-down list that is hidden at present. Selecting the
        entry shows the list."""
        lists = menu.addMenu(self._context.translate("queue.filter.further"))
        for name, chip in self.chip_by_list_name.items():
            if chip.isHidden() and self._offers_conditions(name):
                entry_text = self._context.translate(f"queue.filter.{name}")
                lists.addAction(entry_text).triggered.connect(partial(self._show_filter_list, name))

    def offer_causes(self, groups: Sequence[CauseGroup]) -> None:
        """Fill the drop-down list of causes with the causes of these groups of records."""
        any_cause = "", self._context.translate("queue.filter.cause.any")
        self.chip_by_list_name["cause"].offer_operators(
            [any_cause, *filter_lists.list_cause_operators(groups, self._context)]
        )

    def _list_offered_operators(self, list_name: str) -> Iterator[tuple[str, str]]:
        """Yield the entries of the drop-down list `list_name` as pairs of an operator and its text; the first entry
        means no condition. The entries of the list "sort" are sort orders instead of operators."""
        if list_name == "sort":
            yield from ((order, self._format_sort_order(order)) for order in _OFFERED_SORT_ORDERS)
        else:
            yield "", self._context.translate(f"queue.filter.{list_name}.any")
            yield from filter_lists.list_offered_filter_operators(list_name, self._context)

    def _format_sort_order(self, sort_order: str) -> str:
        name = f"{sort_order.removeprefix('-')}_down" if sort_order.startswith("-") else sort_order
        return self._context.translate(f"queue.order.{name or 'own'}")

    @Slot()
    def _fit_lists_and_emit_changed(self) -> None:
        """After the person has selected an operator: fit the lists to their new texts, hide the further lists without
        a condition, and emit `changed`."""
        for chip in self.chip_by_list_name.values():
            chip.updateGeometry()
        self._show_needed_lists()
        self.changed.emit()

    # -- the filter

    @property
    def text(self) -> str:
        """The filter in its text form: the operators of the lists, and the text in the field. The sort order isn't
        included."""
        operators = (chip.operator for name, chip in self.chip_by_list_name.items() if name != "sort")
        return " ".join(operator for operator in (*operators, self.edit.text().strip()) if operator)

    @property
    def parsed_filter(self) -> ParsedFilter:
        """The filter: the conditions that are selected in the drop-down lists or typed in the field, and the
        remaining typed words."""
        return parse_filter(self.text, self._context.operator or NO_OWNER)

    @property
    def sort_order(self) -> QueueSortOrder:
        return parse_sort_order(self.chip_by_list_name["sort"].operator) or DEFAULT_SORT_ORDER

    def select_sort_order(self, sort_order: QueueSortOrder) -> None:
        """Select this sort order in the list of sort orders, for example after a click on a column title, and emit
        `changed`."""
        text = "" if sort_order == DEFAULT_SORT_ORDER else format_sort_order(sort_order)
        name = self._context.translate(
            f"column.{_WORDING_KEY_BY_SORT_COLUMN.get(sort_order.column, sort_order.column.value)}"
        )
        direction = "down" if sort_order.is_descending else "up"
        self.chip_by_list_name["sort"].select_operator(
            text, self._context.translate(f"queue.order.column_{direction}", column=name)
        )
        self._fit_lists_and_emit_changed()

    def show_filter(self, text: str, order: str = "") -> None:
        """Show a filter in its text form without emitting `changed`: each operator in its list, the remaining text in
        the field. `order` is the text form of the sort order; "" for the default sort order.
        """
        self._timer.stop()  # the text that the person was typing is replaced
        remaining_parts = []
        operators = {term.partition(":")[0]: term for term in text.split() if ":" in term}
        for name, chip in self.chip_by_list_name.items():
            if name != "sort":
                operator = operators.get(name, "")
                chip.select_operator(operator, filter_lists.format_filter_operator(operator, self._context))
        for term in text.split():
            if term.partition(":")[0] not in self.chip_by_list_name:
                remaining_parts.append(term)
        self.edit.setText(" ".join(remaining_parts))
        self.chip_by_list_name["sort"].select_operator(order)
        self._show_needed_lists()

    @Slot()
    def move_operators_to_lists(self) -> None:
        """Remove the operators from the text field and select them in their drop-down lists, so that the sentence
        states every condition. An operator whose value can't be read, and every word that is no operator, stays in
        the field. Emit `changed` if this changes the text form of the filter, or if the typed text has not been
        read yet, because the person didn't pause before the Enter key."""
        remaining_words, text_before = [], self.text
        for word in self.edit.text().split():
            operator = _normalize_operator(word)
            chip = self.chip_by_list_name.get(operator.partition(":")[0])
            if chip is None or chip is self.chip_by_list_name["sort"]:
                remaining_words.append(word)
            else:
                chip.select_operator(operator, filter_lists.format_filter_operator(operator, self._context))
        if len(remaining_words) < len(self.edit.text().split()):
            is_text_unread = self._timer.isActive()
            self.edit.setText(" ".join(remaining_words))
            self._timer.stop()
            self._show_needed_lists()
            if is_text_unread or self.text != text_before:
                self.changed.emit()

    @Slot()
    def _read_typed_text(self) -> None:
        """Emit `changed` after the person has paused typing. Before that, deselect the condition of each drop-down
        list whose operator is also typed in the field, because the typed condition replaces the selected condition.
        """
        typed_names = {_normalize_operator(word).partition(":")[0] for word in self.edit.text().split()}
        for name in typed_names & set(filter_lists.ALL_FILTER_LIST_NAMES):
            self.chip_by_list_name[name].select_operator("")
        self._fit_lists_and_emit_changed()

    @Slot()
    def clear_filter(self) -> None:
        """Remove every condition and the typed text, and emit `changed`. The sort order stays."""
        self._requested_list_names.clear()
        self.show_filter("", self.chip_by_list_name["sort"].operator)
        self.changed.emit()

    def show_match_count(self, text: str) -> None:
        """Show the number of matching records, or a problem of the filter, after the sentence; hide the label if
        `text` is empty, because an empty label can need a line of its own."""
        self.match_count_label.show_text(text)
        self.match_count_label.setVisible(bool(text))

    # -- size, focus, keys

    def set_compact(self, *, is_compact: bool) -> None:
        """If `is_compact` is True, show only the field and the lists that have a condition, or the sort order if
        there are none, without margins and border, so that the filter fits into the header of a page. If `is_compact`
        is False, show the whole sentence.
        """
        self._is_compact = is_compact
        self._show_needed_lists()
        margin = tokens().px("spacing", "page_margin")
        self._layout.setContentsMargins(*((0, 0, 0, 0) if is_compact else (margin, 8, margin, 8)))
        set_style_property(self, "edge", "none" if is_compact else "bottom")

    def _show_needed_lists(self) -> None:
        """Show the drop-down lists that the sentence always has, the lists that have a condition, and the lists that
        the person has added; hide the others. In the compact form, show only lists that have a condition and lists
        that the person has added; if there are none, show the sort order, because perhaps no heading or column shows
        it."""
        name_by_chip = {chip: name for name, chip in self.chip_by_list_name.items()}
        has_chosen_list = bool(self._requested_list_names) or any(
            chip.operator for chip in self.chip_by_list_name.values()
        )
        for unit in self._sentence_units:
            names = {name_by_chip[chip] for chip in unit.chips}
            is_chosen = any(chip.operator for chip in unit.chips) or bool(names & self._requested_list_names)
            is_usual = names.isdisjoint(filter_lists.OPTIONAL_FILTER_LIST_NAMES)
            is_shown_compact = "sort" in names and not has_chosen_list
            unit.show_chips(
                is_shown=is_chosen or (is_shown_compact if self._is_compact else is_usual),
                has_words=not self._is_compact,
            )
        self.further_lists.setVisible(not self._is_compact)

    def _fit_width(self) -> None:
        self.edit.setFixedWidth(round(_FILTER_FIELD_WIDTH_PX * current_appearance().scale))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit_width()

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The controls of the filter bar that take the keyboard focus, in their tab order: from left to right."""
        return self.edit, *(chip for unit in self._sentence_units for chip in unit.chips), self.further_lists

    @Slot()
    def focus_text_field(self) -> None:
        """Give the focus to the text field and select its text (Ctrl+F)."""
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            watched is getattr(self, "edit", None)
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
        ):
            return self._handle_text_field_key(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

    def _handle_text_field_key(self, key: Qt.Key) -> bool:
        """Handle a key that was pressed in the text field. Esc removes every condition; Enter and Down move the typed
        operators to their lists. After each of these three keys, emit `focus_released` and return True. For any other
        key, return False."""
        if key == Qt.Key.Key_Escape and self.text:
            self.clear_filter()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.move_operators_to_lists()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.focus_released.emit()
            return True
        return False


_FILTER_CHIP_NAMES = (*filter_lists.ALL_FILTER_LIST_NAMES, "sort")
_FILTER_CHIP_NAMES_IN_SENTENCE = (*filter_lists.PERMANENT_FILTER_LIST_NAMES, "sort")


def _normalize_operator(word: str) -> str:
    """Return the filter operator that a typed word contains, in the spelling that the drop-down lists use:
    `provider:` instead of `gw:`, and ordinary letters instead of full-width letters. The value `me` is valid, too.
    Return "" if the word isn't an operator, or if the value of the operator can't be read."""
    return "owner:me" if is_own_records_operator(word) else format_filter(parse_filter(word).record_filter)
