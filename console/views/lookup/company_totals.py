"""The widget with the money totals of a company: one line per currency, because amounts in different currencies
are never added."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.views.company import CompanyTotals
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import TextLabel, clear_layout, make_column
from console.views.widgets.layout.flow_layout import DividedFlow
from console.wording.company import format_company_totals
from console.wording.sentences import catalogue as wording


class _TotalCell(QWidget):
    """One cell of a line of totals. The cell is as wide as the widest cell of its column, so that the amounts of two
    currencies are aligned. `column` is the list of the column's cells; the new cell adds itself to it."""

    def __init__(self, column: "list[_TotalCell]", *labels: QWidget) -> None:
        super().__init__()
        self._column = column
        column.append(self)
        self.setLayout(make_column(*labels, gap_px=0))

    def sizeHint(self) -> QSize:
        own_size = super().sizeHint()
        return own_size.expandedTo(QSize(max(map(QWidget.sizeHint, self._column), key=QSize.width).width(), 0))


class CompanyTotalsPanel(QWidget):
    """The widget that shows a company's totals per currency: paid, refunded, refunds being sent, and refunds with
    an unknown outcome. It is hidden if the company has no totals."""

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 4, 0, 0)
        self._layout.setSpacing(4)
        self._shown_totals: tuple[CompanyTotals, ...] = ()
        self.hide()

    def show_totals(self, totals: Sequence[CompanyTotals]) -> None:
        if tuple(totals) == self._shown_totals:
            return
        self._shown_totals = tuple(totals)
        clear_layout(self._layout)
        columns: list[list[_TotalCell]] = [[] for _ in range(5)]
        for total in self._shown_totals:
            self._layout.addWidget(self._make_currency_line(total, columns))
        self.setVisible(bool(self._shown_totals))

    def _make_currency_line(self, totals: CompanyTotals, columns: list[list[_TotalCell]]) -> QWidget:
        """Return the line with the currency and its four totals. Each cell is added to its list in `columns`."""
        sums: list[tuple[str, int, Tone]] = [
            ("paid", totals.paid_minor, "text"),
            ("refunded", -totals.refunded_minor, "text"),
            ("sending", -totals.sending_minor, "text" if totals.sending_minor else "muted"),
            ("unknown", -totals.unknown_minor, "unknown" if totals.unknown_minor else "muted"),
        ]
        amount_cells = [
            self._make_amount_cell(key, minor, totals.currency, tone, column)
            for (key, minor, tone), column in zip(sums, columns[1:], strict=True)
        ]
        line = DividedFlow(_TotalCell(columns[0], TextLabel(totals.currency, "small", "muted")), *amount_cells)
        line.setAccessibleName(format_company_totals(totals, self._context.language))
        return line

    def _make_amount_cell(
        self, key: str, amount_minor: int, currency: str, tone: Tone, column: list[_TotalCell]
    ) -> _TotalCell:
        word = TextLabel(self._context.translate(f"company_page.{key}"), "small", "muted")
        return _TotalCell(column, word, TextLabel(wording.format_amount(amount_minor, currency), "body", tone))
