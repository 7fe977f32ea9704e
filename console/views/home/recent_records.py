"""The panel of the home page that lists the records which the acting person has opened recently."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.records import CreditCheck
from console.views.home.count_panels import CountLine, CountLineButton
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.runtime.context import RecordVisit, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, discard_widget, make_row, set_style_property
from console.wording.sentences import catalogue as wording

_MAX_RECENT_RECORDS = 12
_LINE_MARGIN_PX = 16


class RecentRecordsPanel(Surface):
    """The panel with one line for each record that the acting person has opened recently; a press on a line opens
    the record again."""

    def __init__(self, context: WindowContext, parent: QWidget) -> None:
        super().__init__(parent, is_raised=True, edge="left")
        self.setAccessibleName(context.translate("home.recent"))
        self._context = context
        self._line_column = QVBoxLayout(self)
        self._line_column.setContentsMargins(1, 0, 0, 0)
        self._line_column.setSpacing(0)
        head = Surface(self, is_raised=True, edge="bottom")
        head.setLayout(
            make_row(TextLabel(context.translate("home.recent"), "panel_title"), None, margins=(16, 10, 16, 10))
        )
        self._line_column.addWidget(head)
        self._empty_label = TextLabel(context.translate("home.recent_empty"), "small", "muted", wraps_lines=True)
        self._line_column.addLayout(make_row(self._empty_label, margins=(16, 12, 16, 0)))
        self._line_column.addStretch(1)
        self._lines: list[CountLineButton] = []
        context.visits_changed.connect(self.show_visits)
        context.person_changed.connect(self.show_visits)
        self.show_visits()

    def set_border_toward_table(self, *, is_beside: bool) -> None:
        """Draw the panel's border on the side of the table: at the left edge if the panel is beside the table
        (`is_beside`), otherwise at the top edge, because the panel is then below the table."""
        edge = "left" if is_beside else "top"
        if self.property("edge") != edge:
            set_style_property(self, "edge", edge)
            gap = 0 if is_beside else tokens().px("spacing", "page_margin") - _LINE_MARGIN_PX
            self._line_column.setContentsMargins(1 + gap, 0, gap, 0)

    @Slot()
    def show_visits(self) -> None:
        """Show the records that the acting person has opened recently, the newest first."""
        visits = self._context.visits[:_MAX_RECENT_RECORDS]
        for button in self._lines[len(visits) :]:
            discard_widget(button)
        del self._lines[len(visits) :]
        for number, visit in enumerate(visits):
            line = _make_visit_line(self._context, visit)
            if number < len(self._lines):
                self._lines[number].show_line(line)
            else:
                self._add_visit_line(line)
        self._empty_label.setVisible(not visits)

    def _add_visit_line(self, line: CountLine) -> None:
        button = CountLineButton(line)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(self._open_pressed_record)
        self._line_column.insertWidget(2 + len(self._lines), button)
        self._lines.append(button)

    @Slot()
    def _open_pressed_record(self) -> None:
        button = self.sender()
        if isinstance(button, CountLineButton):
            kind, _, id = button.line.key.rpartition(" ")
            self._context.navigate(make_route_to_record(kind, int(id), (), "home"))


def _make_visit_line(context: WindowContext, visit: RecordVisit) -> CountLine:
    record = visit.record
    badge = words.make_state_cell(case_words.get_most_specific_badge_key(record, context.now()), context.language)
    title = case_words.format_record_title(record, context)
    if isinstance(record, CreditCheck):
        # Without a name, the line shows no corporation number, because it has no room for one.
        fact = case_words.get_record_company_name(record, context)
        name = context.translate("home.recent_line", id=record.id, name=fact) if fact else title
    else:
        company = case_words.get_record_company_name(record, context)
        fact = wording.join_facts((case_words.format_record_amount(record), company), context.translate)
        name = context.translate("home.recent_case", title=title, amount=fact)
    name = context.translate("home.recent_at", at=wording.format_minute_instant(visit.at, context.now()), record=name)
    kind, id = case_words.make_record_ref(record)
    return CountLine(
        f"{kind} {id}", "", "text", name, "", badge.word, badge.icon_name, badge.tone, second_line=fact or ""
    )
