"""The filter above a queue, as a sentence: which records, how old, of which amount, taken by whom, in which order.

Every condition is an operator of the filter's text form, as people type it into the field: a drop-down list of the
sentence only offers some of them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMenu, QWidget

from console.domain.queues.causes import CauseGroup
from console.domain.queues.filter_text import ParsedFilter, parse_filter
from console.domain.queues.filters import NOBODY
from console.domain.queues.order import DEFAULT_ORDER, QueueOrder, SortColumn, format_order, parse_order
from console.views.queues import filter_lists
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ShapeIcon, Surface, TextLabel, make_column, set_property
from console.views.widgets.flow_layout import make_flow_widget
from console.views.widgets.inputs import FilterChip, LineEdit

_TYPING_PAUSE_MS = 200
_WIDTH_PX = 220
_ORDERS = ("", "age", "-age", "-amount", "amount", "next", "cause")
_COLUMN_WORD = {SortColumn.OWNER: "taken_by"}
_PLACEHOLDER_PATTERN = re.compile(r"\{(\w+)\}")


class OperatorChip(FilterChip):
    """A drop-down list whose items are operators of a filter; "" is no condition. A condition that the list doesn't
    offer is added to it while it is chosen.
    """

    def __init__(self, name: str, offered: Sequence[tuple[str, str]]) -> None:
        """`offered` are the operators with their words; the first is no condition."""
        super().__init__(name)
        self._offered_count = 0
        self.offer(offered)

    def offer(self, offered: Sequence[tuple[str, str]]) -> None:
        """Offer these operators with their words; the first is no condition. The chosen one stays."""
        chosen, words = self.operator, self.currentText()
        self.blockSignals(True)
        self.clear()
        for operator, text in offered:
            self.addItem(text, operator)
        self._offered_count = len(offered)
        self.blockSignals(False)
        self.choose(chosen, words)

    @property
    def operator(self) -> str:
        return str(self.currentData() or "")

    def choose(self, operator: str, words: str = "") -> None:
        """Choose an operator, without a signal. `words` are shown for one that the list doesn't offer."""
        self.blockSignals(True)
        while self.count() > self._offered_count:
            self.removeItem(self._offered_count)
        place = self.findData(operator)
        if place < 0:
            self.addItem(words or operator, operator)
            place = self.count() - 1
        self.setCurrentIndex(place)
        self.blockSignals(False)
        self.updateGeometry()


class FilterSentence(Surface):
    """The filter of a queue. The keys Down, Enter and Esc move the focus from the field to the list; Esc also removes
    every condition.

    Signals:
    - changed: the filter or the order has changed; while somebody types, after a pause.
    - causes_wanted: the person has asked for the list of causes, whose contents the page reads.
    - focus_released: the person wants to return to the list; the page moves the focus there.
    """

    changed = Signal()
    causes_wanted = Signal()
    focus_released = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="bottom")
        self._context = context
        translate = context.translate
        self.edit = LineEdit()
        self.edit.setAccessibleName(translate("field.filter"))
        self.edit.setPlaceholderText(translate("queue.filter_prompt"))
        self.match_count = TextLabel("", "small", "muted")
        self.chips = {
            name: OperatorChip(translate(f"queue.filter.{name}"), list(self._offered_operators(name)))
            for name in _CHIPS
        }
        self._sentence = list(self._sentence_parts())
        self._asked: set[str] = set()
        offered = [name for name in filter_lists.FURTHER_LISTS if self._has_offer(name)]
        words = translate("queue.filter.further")
        self.further = OperatorChip(
            words, [("", words), *((name, translate(f"queue.filter.{name}")) for name in offered)]
        )
        self.further.activated.connect(self._add_list)
        self._is_compact = False
        parts: list[QWidget] = [
            ShapeIcon("filter", "muted"),
            self.edit,
            *self._sentence,
            self.further,
            self.match_count,
        ]
        self._box = make_column(make_flow_widget(*parts, gap=6, line_gap=6))
        self.setLayout(self._box)
        self.set_compact(is_compact=False)
        self._fit_width()
        self._timer = QTimer(self, singleShot=True, interval=_TYPING_PAUSE_MS)
        self._timer.timeout.connect(self.changed)
        self.edit.textEdited.connect(self._timer.start)
        self.edit.installEventFilter(self)
        for chip in self.chips.values():
            chip.currentIndexChanged.connect(self._handle_choice)

    # -- the sentence

    def _sentence_parts(self) -> Iterator[QWidget]:
        """Yield the words and lists of the sentence, whose order is that of the language."""
        sentence = self._context.translate("queue.filter_sentence", **{name: f"{{{name}}}" for name in _IN_SENTENCE})
        for place, part in enumerate(_PLACEHOLDER_PATTERN.split(sentence)):
            if place % 2:
                yield self.chips[part]
                if part == filter_lists.USUAL_LISTS[-1]:
                    yield from (self.chips[name] for name in filter_lists.FURTHER_LISTS)
            elif part.strip():
                yield TextLabel(part.strip(), "body", "muted")

    def _has_offer(self, name: str) -> bool:
        return name != "client" or bool(self._context.settings.clients)

    @Slot(int)
    def _add_list(self, place: int) -> None:
        """Show the further list that the person has chosen, and give it the focus."""
        name = str(self.further.itemData(place) or "")
        self.further.choose("")
        if name:
            self._show_list(name)

    def _show_list(self, name: str) -> None:
        self._asked.add(name)
        self._show_parts()
        self.chips[name].setFocus(Qt.FocusReason.OtherFocusReason)
        if name == "cause":
            self.causes_wanted.emit()

    def add_lists_to_menu(self, menu: QMenu) -> None:
        """Add to a menu the choice of the lists that the sentence doesn't show at present."""
        lists = menu.addMenu(self._context.translate("queue.filter.further"))
        for name, chip in self.chips.items():
            if chip.isHidden() and self._has_offer(name):
                words = self._context.translate(f"queue.filter.{name}")
                lists.addAction(words).triggered.connect(partial(self._show_list, name))

    def offer_causes(self, groups: Sequence[CauseGroup]) -> None:
        """Offer the causes of the records of the queue."""
        anything = "", self._context.translate("queue.filter.cause.any")
        self.chips["cause"].offer([anything, *filter_lists.offer_causes(groups, self._context)])

    def _offered_operators(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the operators that a list offers, with their words."""
        if name == "sort":
            yield from ((order, self._order_words(order)) for order in _ORDERS)
        else:
            yield "", self._context.translate(f"queue.filter.{name}.any")
            yield from filter_lists.offer_operators(name, self._context)

    def _order_words(self, order: str) -> str:
        name = f"{order.removeprefix('-')}_down" if order.startswith("-") else order
        return self._context.translate(f"queue.order.{name or 'own'}")

    @Slot()
    def _handle_choice(self) -> None:
        for chip in self.chips.values():
            chip.updateGeometry()
        self._show_parts()
        self.changed.emit()

    # -- the filter

    @property
    def text(self) -> str:
        """The conditions and the searched words as one text, without the order."""
        chosen = (chip.operator for name, chip in self.chips.items() if name != "sort")
        return " ".join(part for part in (*chosen, self.edit.text().strip()) if part)

    @property
    def parsed(self) -> ParsedFilter:
        """The filter: the conditions of the sentence, those typed in the field, and the other typed words."""
        operator = self._context.operator or NOBODY
        return parse_filter(" ".join(replace_me(part, operator) for part in self.text.split()))

    @property
    def order(self) -> QueueOrder:
        return parse_order(self.chips["sort"].operator) or DEFAULT_ORDER

    def show_order(self, order: QueueOrder) -> None:
        """Choose an order, such as that of a clicked column."""
        text = "" if order == DEFAULT_ORDER else format_order(order)
        name = self._context.translate(f"column.{_COLUMN_WORD.get(order.column, order.column.value)}")
        direction = "down" if order.is_descending else "up"
        self.chips["sort"].choose(text, self._context.translate(f"queue.order.column_{direction}", column=name))
        self._handle_choice()

    def show_filter(self, text: str, order: str = "") -> None:
        """Show a filter in its text form, without a signal: each condition in its list, the rest in the field."""
        rest = []
        operators = {part.partition(":")[0]: part for part in text.split() if ":" in part}
        for name, chip in self.chips.items():
            if name != "sort":
                operator = operators.get(name, "")
                chip.choose(operator, filter_lists.operator_words(operator, self._context))
        for part in text.split():
            if part.partition(":")[0] not in self.chips:
                rest.append(part)
        self.edit.setText(" ".join(rest))
        self.chips["sort"].choose(order)
        self._show_parts()

    @Slot()
    def clear(self) -> None:
        """Remove every condition and word; the order stays."""
        self._asked.clear()
        self.show_filter("", self.chips["sort"].operator)
        self.changed.emit()

    # -- size, focus, keys

    def set_compact(self, *, is_compact: bool) -> None:
        """Show the filter without margins and line, as a part of a header: the field, and the lists in use."""
        self._is_compact = is_compact
        self._show_parts()
        margin = tokens().px("spacing", "page_margin")
        self._box.setContentsMargins(*((0, 0, 0, 0) if is_compact else (margin, 8, margin, 8)))
        set_property(self, "edge", "none" if is_compact else "bottom")

    def _show_parts(self) -> None:
        names: dict[QWidget, str] = {chip: name for name, chip in self.chips.items()}
        for part in self._sentence:
            is_chosen = isinstance(part, OperatorChip) and bool(part.operator)
            is_usual = names.get(part) not in filter_lists.FURTHER_LISTS and not self._is_compact
            part.setVisible(is_chosen or is_usual or names.get(part) in self._asked)
        self.further.setVisible(not self._is_compact)

    def _fit_width(self) -> None:
        self.edit.setFixedWidth(round(_WIDTH_PX * current_appearance().scale))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit_width()

    @property
    def stops(self) -> tuple[QWidget, ...]:
        return self.edit, *self.chips.values(), self.further

    @Slot()
    def focus_edit(self) -> None:
        """Give the focus to the input field and select its text (Ctrl+F)."""
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            watched is getattr(self, "edit", None)
            and isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
        ):
            return self._handle_key(Qt.Key(event.key()))
        return super().eventFilter(watched, event)

    def _handle_key(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_Escape and self.text:
            self.clear()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.focus_released.emit()
            return True
        return False


_CHIPS = (*filter_lists.LISTS, "sort")
_IN_SENTENCE = (*filter_lists.USUAL_LISTS, "sort")


def replace_me(part: str, person: str) -> str:
    """Replace the filter operator `owner:me` by the operator with the name of the acting person (`person`); return
    any other operator unchanged.
    """
    return f"owner:{person}" if part.lower() == "owner:me" else part
