"""The widget with the money totals of a company: one line per currency, because amounts in different currencies
are never added."""

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.domain.views.company import CompanyTotals
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import TextLabel, clear_layout, make_column
from console.views.widgets.layout.flow_layout import DividedFlow
from console.wording.company import format_company_totals
from console.wording.sentences import catalogue as wording


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
        for total in self._shown_totals:
            self._layout.addWidget(self._make_currency_line(total))
        self.setVisible(bool(self._shown_totals))

    def _make_currency_line(self, totals: CompanyTotals) -> QWidget:
        sums: list[tuple[str, int, Tone]] = [
            ("paid", totals.paid_minor, "text"),
            ("refunded", -totals.refunded_minor, "text"),
            ("sending", -totals.sending_minor, "text" if totals.sending_minor else "muted"),
            ("unknown", -totals.unknown_minor, "unknown" if totals.unknown_minor else "muted"),
        ]
        amount_labels = [self._make_amount_label(key, minor, totals.currency, tone) for key, minor, tone in sums]
        line = DividedFlow(TextLabel(totals.currency, "small", "muted"), *amount_labels)
        line.setAccessibleName(format_company_totals(totals, self._context.language))
        return line

    def _make_amount_label(self, key: str, amount_minor: int, currency: str, tone: Tone) -> QWidget:
        amount_widget = QWidget()
        amount = wording.format_amount(amount_minor, currency)
        word = TextLabel(self._context.translate(f"company_page.{key}"), "small", "muted")
        amount_widget.setLayout(make_column(word, TextLabel(amount, "body", tone), gap_px=0))
        return amount_widget
