"""Parts of a record's page: the states of the record in our database, at the provider and in the order, its
documents, and the four lines "verdict", "why", "next" and "you can"."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QSizePolicy,
    QSpacerItem,
    QVBoxLayout,
    QWidget,
)

from console.views.theme.design_tokens import Tone, tokens
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    BorderEdge,
    ElidedLabel,
    IconLabel,
    Surface,
    TextLabel,
    clear_layout,
    compute_half_leading_px,
    discard_widget,
    make_column,
    make_row,
    set_style_property,
)
from console.views.widgets.layout.flow_layout import FlowLayout, make_flow_holder, make_flow_widget

_FORM_LABEL_WIDTH_PX = 80
_TOOL_GAP_PX = 4  # between the text of a side and the line with its buttons
_EXPLANATION_GAP_PX = 8
"""The gap in px between the labels and the texts of an ExplanationForm."""


@dataclass(frozen=True, slots=True)
class RecordSideState:
    """The state of a record on one side: in our database, at the provider, or in the order. `name` is the name of the
    side. `state_word`, `icon_name` and `tone` are the state in our words with its icon; `word_of_side` is the state
    in the side's own words. `age_text` is a line with the age of the state. `source` is a line with the record's
    version and the person who changed it.

    If `is_different` is True, a value of this side contradicts another side; the panel then has a red border, and
    screen readers read `difference_word`. If `has_different_state` is True, the state has the mark ≠: the states
    contradict each other, or a value does that this side doesn't show. `has_different_amount` is True if the amounts
    contradict each other. If `is_amount_missing` is True, this side has given no amount; `amount` is then a dash,
    which has the muted colour and which screen readers leave out. `contradiction` is a red line with another
    statement of this side that contradicts our record, such as the provider's history.
    """

    name: str
    state_word: str
    icon_name: str
    tone: Tone
    word_of_side: str = ""
    amount: str = ""
    age_text: str = ""
    source: str = ""
    is_different: bool = False
    difference_word: str = ""
    has_different_state: bool = False
    has_different_amount: bool = False
    is_amount_missing: bool = False
    contradiction: str = ""

    @property
    def marked_contradiction(self) -> str:
        """The statement `contradiction` with the mark of a difference; "" without one."""
        return f"≠ {self.contradiction}" if self.contradiction else ""

    def format_spoken_text(self) -> str:
        marker = self.difference_word if self.is_different else ""
        amount = "" if self.is_amount_missing else self.amount
        stated_parts = (self.state_word, self.word_of_side, amount, self.age_text)
        parts = (self.name, marker, *stated_parts, self.contradiction, self.source)
        return ", ".join(part for part in parts if part)


class _StateSourceLabel(TextLabel):
    """The label at the bottom of a RecordSidePanel that shows the source of the state. It is as high as a line with a
    button, so that the last lines of all panels are aligned."""

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(0, current_appearance().control_height("target_min")))


class RecordSidePanel(Surface):
    """The panel that shows the state of a record on one side (see RecordSideState). `add_tool` adds a button or link
    to the panel's last line."""

    def __init__(self, side: RecordSideState) -> None:
        super().__init__(is_raised=True, edge="right")
        self._name_label = TextLabel("", "small", "muted")
        self._state_icon = IconLabel("dash", "muted")
        self._state_label = TextLabel("", "section")
        self._own_word_label = ElidedLabel("", "small", "muted")
        self._amount_label = TextLabel("", "figure", is_bold=True)
        self._fact_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._contradiction_label = TextLabel("", "small", "bad", wraps_lines=True)
        self._source_label = _StateSourceLabel("", "small", "muted")
        state_row = QWidget()
        state_row.setLayout(make_row(self._state_icon, self._state_label, gap_px=6))
        self._word_row = make_flow_widget(state_row, self._own_word_label, gap_px=6, line_gap_px=0)
        self._state_row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._state_row.setSpacing(6)
        self._state_row.addWidget(self._word_row, 1)
        self._state_row.addWidget(self._amount_label)
        self._facts_layout = make_column(self._fact_label, self._contradiction_label, gap_px=0)
        self._space_below_facts = QSpacerItem(0, 0, QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self._tools = FlowLayout(self._source_label, gap_px=6)
        source_row = make_flow_holder(self._tools)
        self._layout = make_column(
            self._name_label,
            self._state_row,
            self._facts_layout,
            _TOOL_GAP_PX,
            source_row,
            None,
            gap_px=0,
        )
        self._layout.insertItem(self._layout.indexOf(self._facts_layout) + 1, self._space_below_facts)
        self.setLayout(self._layout)
        self.show_edge("right")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.show_side(side)

    def add_tool(self, tool: QWidget) -> None:
        self._tools.addWidget(tool)

    def show_edge(self, edge: BorderEdge) -> None:
        """Draw the border line of 1 px at this edge of the panel. The texts keep their places."""
        margin = tokens().px("spacing", "page_margin")
        right_px, bottom_px = margin - (edge == "right"), 6 - (edge == "bottom")
        self._layout.setContentsMargins(margin, 8, right_px, bottom_px)
        if self.property("edge") != edge:
            set_style_property(self, "edge", edge)

    def needs_amount_below(self, available_width_px: int) -> bool:
        """Return True if the state in our words, the state in the side's own words, and the amount need more than
        `available_width_px` px side by side. Return False if the panel shows no amount."""
        margins = self._layout.contentsMargins()
        widgets_width = (
            self._state_label.sizeHint().width()
            + self._own_word_label.sizeHint().width()
            + self._amount_label.sizeHint().width()
        )
        needed_width = widgets_width + self._state_icon.sizeHint().width() + 4 * 6 + margins.left() + margins.right()
        return bool(self._amount_label.plain) and needed_width > available_width_px

    def place_amount(self, *, is_below: bool) -> None:
        """If `is_below` is True, put the amount below the word of the state, otherwise at its right."""
        self._state_row.setDirection(
            QBoxLayout.Direction.TopToBottom if is_below else QBoxLayout.Direction.LeftToRight
        )

    def measure_line_heights(self, width_px: int) -> tuple[int, int]:
        """Return the heights in px that the words of the state, and the facts below them, need in a panel of this
        width."""
        margins = self._layout.contentsMargins()
        inner_width = words_width = width_px - margins.left() - margins.right()
        if self._amount_label.plain and self._state_row.direction() == QBoxLayout.Direction.LeftToRight:
            words_width -= self._amount_label.sizeHint().width() + self._state_row.spacing()
        word_layout = self._word_row.layout()
        words_height = 0 if word_layout is None else word_layout.heightForWidth(words_width)
        return words_height, _measure_height(self._facts_layout, inner_width)

    def set_line_heights(self, words_height_px: int, missing_px: int) -> None:
        """Give the words of the state at least this height in px, and the facts below them `missing_px` px more."""
        self._word_row.setMinimumHeight(words_height_px)
        if self._space_below_facts.sizeHint().height() != missing_px:
            self._space_below_facts.changeSize(0, missing_px, QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
            self._layout.invalidate()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the red border of a differing side over the panel. If the style sheet drew this border, the texts of
        this panel would move and no longer be aligned with the texts of the other panels."""
        super().paintEvent(event)
        if self.is_different:
            draw_frame(
                QPainter(self),
                QRectF(self.rect()),
                0,
                current_appearance().colour("bad"),
                None,
                tokens().px("borders", "differs"),
            )

    def show_side(self, side: RecordSideState) -> None:
        self.is_different = side.is_different
        self.setAccessibleName(side.format_spoken_text())
        self._name_label.show_text(side.name)
        # A value that differs has the mark ≠, because a border and a colour alone aren't clear to everybody.
        self._state_icon.show_icon(
            "not_equal" if side.has_different_state else side.icon_name,
            "bad" if side.has_different_state else side.tone,
        )
        self._state_label.show_text(side.state_word, "bad" if side.has_different_state else side.tone)
        self._own_word_label.show_text(side.word_of_side)
        amount_tone: Tone = "bad" if side.has_different_amount else "muted" if side.is_amount_missing else "text"
        self._amount_label.show_text(side.amount, amount_tone)
        self._fact_label.show_text(side.age_text)
        self._contradiction_label.show_text(side.marked_contradiction)
        self._contradiction_label.setVisible(bool(side.contradiction))
        self._source_label.show_text(side.source)
        self._source_label.setVisible(bool(side.source))
        self.update()


def _measure_height(layout: QLayout, width_px: int) -> int:
    """Return the height in px that the contents of a layout need at this width."""
    return layout.heightForWidth(width_px) if layout.hasHeightForWidth() else layout.sizeHint().height()


class RecordSideStrip(Surface):
    """The panels of all sides of a record (see RecordSideState), equally wide and always in the same order."""

    def __init__(
        self,
        sides: Sequence[RecordSideState],
        accessible_name: str,
        *,
        edge: BorderEdge = "bottom",
        parent: QWidget | None = None,
    ) -> None:
        """`edge` is "all" for a strip that doesn't reach the edges of the page."""
        super().__init__(parent, is_raised=True, edge=edge)
        self.setAccessibleName(accessible_name)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self.panels: list[RecordSidePanel] = []
        self._available_width_px = 0  # until `fit_width` is called
        self.show_sides(sides)

    def fit_width(self, available_width_px: int) -> None:
        """Place the panels side by side, or one below the other if they need more than `available_width_px` px of
        width. If at least one panel is too narrow for the state and the amount side by side, all panels show the
        amount below the state. In panels side by side, the same line has the same height in all panels, so that the
        lines below it are aligned."""
        self._available_width_px = available_width_px
        self._layout.setDirection(QBoxLayout.Direction.LeftToRight)
        self._place_amounts(available_width_px // max(1, len(self.panels)))
        if self._layout.minimumSize().width() > available_width_px:
            self._layout.setDirection(QBoxLayout.Direction.TopToBottom)
            self._place_amounts(available_width_px)
        self._draw_lines_between_panels()
        self._align_lines()

    def _place_amounts(self, available_width_px: int) -> None:
        is_below = any(panel.needs_amount_below(available_width_px) for panel in self.panels)
        for panel in self.panels:
            panel.place_amount(is_below=is_below)

    def _align_lines(self) -> None:
        """Give each line of the panels the height that the highest one needs; nothing for panels below each other."""
        is_stacked = self._layout.direction() == QBoxLayout.Direction.TopToBottom
        width = self._available_width_px // max(1, len(self.panels))
        heights = [panel.measure_line_heights(width) for panel in self.panels]
        is_aligned = bool(self._available_width_px and heights) and not is_stacked
        words_height, facts_height = map(max, zip(*heights, strict=True)) if is_aligned else (0, 0)
        for panel, (_, own_facts_height) in zip(self.panels, heights, strict=True):
            panel.set_line_heights(words_height, max(0, facts_height - own_facts_height))

    def event(self, event: QEvent) -> bool:
        """Align the lines again after a change of a text. Return True if Qt has recognised the event."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._align_lines()
        return super().event(event)

    def _draw_lines_between_panels(self) -> None:
        """Draw a line at the end of each panel except the last one: at the right, or below if the panels are stacked.
        The last panel ends at the edge of the strip or of the page."""
        is_stacked = self._layout.direction() == QBoxLayout.Direction.TopToBottom
        for panel in self.panels:
            panel.show_edge("none" if panel is self.panels[-1] else "bottom" if is_stacked else "right")

    def show_sides(self, sides: Sequence[RecordSideState]) -> None:
        for panel, side in zip(self.panels, sides, strict=False):
            panel.show_side(side)
        for side in sides[len(self.panels) :]:
            panel = RecordSidePanel(side)
            self.panels.append(panel)
            self._layout.addWidget(panel, 1)
        self._draw_lines_between_panels()


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """One document of a credit check, such as its PDF, as DocumentStrip shows it. `name` is the name of the document;
    `icon_name` and `tone` are its icon. `text` is the state or value of the document, such as "complete". `detail` is
    a smaller line below `text`, such as the time when the document was fetched ("" for none). If `is_missing` is
    True, the document has a red border, and screen readers read `missing_word`."""

    name: str
    icon_name: str
    tone: Tone
    text: str
    detail: str = ""
    is_missing: bool = False
    missing_word: str = ""


class DocumentStrip(Surface):
    """The documents of a credit check side by side. `right_widget` is a widget at the right end, such as the button
    "open"."""

    def __init__(
        self,
        documents: Sequence[DocumentSummary],
        accessible_name: str,
        right_widget: QWidget | None = None,
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, edge="all")
        self.setAccessibleName(accessible_name)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._panels: list[QWidget] = []
        self._right_widget = Surface(edge="left")
        if right_widget is not None:
            self._right_widget.setLayout(make_column(None, right_widget, None, margins=(16, 8, 16, 8)))
        self._layout.addWidget(self._right_widget)
        self.set_right_widget_visible(is_visible=right_widget is not None)
        self.show_documents(documents)

    def set_right_widget_visible(self, *, is_visible: bool) -> None:
        """Show or hide the widget at the right end of the strip."""
        self._right_widget.setVisible(is_visible)

    def fit_width(self, available_width_px: int) -> None:
        """Place the documents side by side, or one below the other if they need more than `available_width_px` px of
        width."""
        self._layout.setDirection(QBoxLayout.Direction.LeftToRight)
        if self._layout.minimumSize().width() > available_width_px:
            self._layout.setDirection(QBoxLayout.Direction.TopToBottom)

    def show_documents(self, documents: Sequence[DocumentSummary]) -> None:
        for widget in self._panels:
            self._layout.removeWidget(widget)
            discard_widget(widget)
        self._panels = [
            _make_document_panel(document, is_last_document=document is documents[-1]) for document in documents
        ]
        for index, widget in enumerate(self._panels):
            self._layout.insertWidget(index, widget, 1)


def _make_document_panel(document: DocumentSummary, *, is_last_document: bool) -> Surface:
    panel = Surface(edge="all" if document.is_missing else "none" if is_last_document else "right")
    panel.setProperty("differs", document.is_missing)
    spoken_texts = (document.name, document.missing_word, document.text, document.detail)
    panel.setAccessibleName(", ".join(text for text in spoken_texts if text))
    tone: Tone = "bad" if document.is_missing else "text"
    name_row = make_row(
        IconLabel(document.icon_name, document.tone), TextLabel(document.name, "body", tone, is_bold=True), gap_px=6
    )
    if document.missing_word:
        name_row.addWidget(TextLabel(document.missing_word, "body", "bad"))
    name_row.addStretch(1)
    detail_label = TextLabel(document.detail, "small", "muted", wraps_lines=True)
    frame = tokens().px("borders", "differs") if document.is_missing else 0  # the texts of all panels stay aligned
    margins = (16 - frame, 10 - frame, 12 - frame, 10 - frame)
    text_label = TextLabel(document.text, wraps_lines=True)
    panel.setLayout(make_column(name_row, text_label, detail_label, None, gap_px=0, margins=margins))
    return panel


class ExplanationForm(QWidget):
    """The four lines that explain a record: the verdict, the reason for the verdict ("why"), the next step, and "you
    can" with the buttons of the available actions."""

    def __init__(self, labels: tuple[str, str, str, str], *, parent: QWidget | None = None) -> None:
        """`labels` are the labels of the four lines: verdict, why (the reason), next step, and "you can"."""
        super().__init__(parent)
        self._verdict_icon = IconLabel("dash", "muted", line_role="section")  # until a verdict is shown
        self._verdict_label = TextLabel("", "section", is_bold=True, wraps_lines=True, is_selectable=True)
        self._why_label = TextLabel("", wraps_lines=True, is_selectable=True)
        self._next_step_label = TextLabel("", wraps_lines=True, is_selectable=True)
        self._action_layout = FlowLayout()
        grid = QGridLayout(self)
        grid.setContentsMargins(24, 12, 24, 12)
        grid.setHorizontalSpacing(_EXPLANATION_GAP_PX)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self._grid = grid
        self.labels: list[TextLabel] = []
        """The labels of the lines."""
        verdict_row = QHBoxLayout()
        verdict_row.setSpacing(8)
        verdict_row.addWidget(self._verdict_icon, 0, Qt.AlignmentFlag.AlignTop)
        verdict_row.addWidget(self._verdict_label, 1)
        for row, label in enumerate(labels):
            label_widget = _make_form_label(label, is_beside_buttons=row == len(labels) - 1)
            self.labels.append(label_widget)
            grid.addWidget(label_widget, row, 0)
        grid.addLayout(verdict_row, 0, 1)
        grid.addWidget(self._why_label, 1, 1)
        grid.addWidget(self._next_step_label, 2, 1)
        grid.addWidget(make_flow_holder(self._action_layout), 3, 1)

    def show_explanation(
        self, verdict: str, reason: str, next_step: str, *, icon_name: str, tone: Tone = "text"
    ) -> None:
        """Show the texts of three lines: the verdict, the reason for the verdict (`reason`), and the next step.
        `icon_name` and `tone` are the icon before the verdict; the icon "check" with the tone "text" has the colour
        of the tone "good". If the tone is "bad", the verdict has the colour of this tone, too.
        """
        self._verdict_icon.show_icon(icon_name, "good" if tone == "text" and icon_name == "check" else tone)
        self._verdict_label.show_text(verdict, tone if tone == "bad" else "text")
        self._why_label.show_text(reason)
        self._next_step_label.show_text(next_step)

    @property
    def verdict(self) -> str:
        return self._verdict_label.plain

    @property
    def gap_px(self) -> int:
        """The gap between the labels and the texts, in px."""
        return self._grid.horizontalSpacing()

    def show_action_widgets(self, *widgets: QWidget) -> None:
        """Replace the buttons and labels of the line "you can". In `widgets`, the ReasonLabel of a button follows
        the button."""
        clear_layout(self._action_layout)
        for widget in widgets:
            self._action_layout.addWidget(widget)
            widget.show()
        self._align_action_label_with_first_row()

    def _align_action_label_with_first_row(self) -> None:
        first_item = self._action_layout.itemAt(0)
        has_buttons = first_item is None or not isinstance(first_item.widget(), TextLabel)
        _align_with_first_row(self.labels[-1], has_buttons=has_buttons)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:  # of the text size
            self._align_action_label_with_first_row()


def _make_form_label(text: str, *, is_beside_buttons: bool = False) -> TextLabel:
    """Return the label of a line in a form. If the value of the line is a text, the label is aligned with the first
    line of the text. If the value consists of rows of buttons (`is_beside_buttons`), the label is vertically
    centred on the first row; `_align_with_first_row` changes this alignment."""
    label = TextLabel(text, "body", "muted")
    label.setMinimumWidth(_FORM_LABEL_WIDTH_PX)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    if is_beside_buttons:
        _align_with_first_row(label, has_buttons=True)
    else:
        label.setContentsMargins(0, compute_half_leading_px("body"), 0, 0)
    return label


def _align_with_first_row(label: TextLabel, *, has_buttons: bool) -> None:
    """Set the margin above the label of a form, so that it is vertically centred on the first row of buttons at its
    right, also if there are several rows. If the first row has no button, the label is aligned with its text."""
    appearance = current_appearance()
    button_gap_px = (appearance.control_height("button") - appearance.line_height("body")) // 2
    label.setContentsMargins(0, max(0, button_gap_px) if has_buttons else 0, 0, 0)


_FACT_GAP_PX = 12  # at text size 1


class FactList(QWidget):
    """A list of labels (in the muted colour) and their values in two columns, for side panels and dialogs. `facts`
    are the first lines, each as a pair of label and value. Each fact whose value takes one line of text is as high as
    a value with a copy button.
    """

    def __init__(
        self,
        facts: Sequence[tuple[str, str]] = (),
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._form_above: ExplanationForm | None = None
        self._lines: list[tuple[TextLabel, QVBoxLayout, bool]] = []  # label, layout of the value, has a button
        self._aligned_lists: tuple[FactList, ...] = (self,)
        # No QFormLayout: it keeps heights for two widths and the rows of one, and may cut off lines at the other.
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self._fit_to_text_size()
        for label, value in facts:
            self.add_fact(label, TextLabel(value, wraps_lines=True, is_selectable=True))

    def align_values_with(self, other: "FactList") -> None:
        """Let the values of this list and of the other list begin at the same x position, because the lists are
        placed one below the other."""
        self._aligned_lists = other._aligned_lists = (self, other)
        self._fit_to_text_size()

    def align_values_below(self, form: ExplanationForm) -> None:
        """Let the values of this list begin at the same x position as the texts of the explanation above it."""
        self._form_above = form
        self._fit_to_text_size()

    def _fit_to_text_size(self) -> None:
        """Set the gap between labels and values, the heights of the lines and the width of the labels according to
        the text size. In large text, a gap of a fixed width would look like a space between two words."""
        gap_px = round(_FACT_GAP_PX * current_appearance().scale)
        self._grid.setHorizontalSpacing(gap_px if self._form_above is None else self._form_above.gap_px)
        for line in self._lines:
            _fit_fact_line(*line)
        if len(self._aligned_lists) > 1 or self._form_above is not None:
            labels = [label for fact_list in self._aligned_lists for label, _, _ in fact_list._lines]
            labels += self._form_above.labels if self._form_above is not None else []
            width = max((label.measure_line_width() for label in labels), default=0)
            for label in labels:
                label.setMinimumWidth(max(_FORM_LABEL_WIDTH_PX, width))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._fit_to_text_size()

    def add_fact(self, label: str, value: QWidget) -> None:
        """Add a label and its value at the end. For screen readers, the label names the value."""
        label_widget = _make_form_label(label)
        label_widget.setBuddy(value)
        value_layout = make_column(value)
        # Decided once: while the text size changes, this widget may learn of it before the value does.
        target_px = current_appearance().control_height("target_min")
        has_button = not isinstance(value, TextLabel) and value.sizeHint().height() >= target_px
        line = label_widget, value_layout, has_button
        self._lines.append(line)
        _fit_fact_line(*line)
        row = self._grid.rowCount()
        self._grid.addWidget(label_widget, row, 0)
        self._grid.addLayout(value_layout, row, 1)


def _fit_fact_line(label: TextLabel, value_layout: QVBoxLayout, has_button: bool) -> None:
    """Set the margins of one line of a FactList, so that all its lines have the same height, and give its label at
    least the width of its text. If `has_button` is True, the value has a button and is high enough; otherwise the
    missing height is added as space above and below the value. The label is aligned with the first line of the
    value."""
    target_px = current_appearance().control_height("target_min")
    extra_px = max(0, target_px - current_appearance().line_height("body"))
    label.setContentsMargins(0, compute_half_leading_px("body") + extra_px // 2, 0, 0)
    label.setMinimumWidth(max(_FORM_LABEL_WIDTH_PX, label.measure_line_width()))  # the values wrap, not the labels
    above_px = 0 if has_button else extra_px // 2
    value_layout.setContentsMargins(0, above_px, 0, 0 if has_button else extra_px - above_px)


def make_titled_panel(title: str, content: QWidget, *, heading_level: int = 2) -> QWidget:
    """Return a widget with a title of this heading level and, below it, the content in a box with a border of
    1 px."""
    content_box = Surface(edge="all")
    content_layout = QVBoxLayout(content_box)
    content_layout.setContentsMargins(16, 12, 16, 12)
    content_layout.addWidget(content)
    content_layout.addStretch(1)
    title_label = TextLabel(title, "panel_title", "muted", heading_level=heading_level)
    panel = QWidget()
    panel.setLayout(make_column(make_row(title_label, None), content_box, gap_px=6))
    panel.setAccessibleName(title)
    return panel
