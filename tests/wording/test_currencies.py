"""Amounts in a currency in which this program makes no payments: another program may have stored such rows."""

from datetime import UTC, date, datetime

import pytest

from console.domain.money import format_stored_decimal
from console.domain.reports.daily_close import DailyClose, MovedReversal, UnknownRecord
from console.domain.reports.periods import Period
from console.domain.reports.settlement import SettlementDay, SettlementReport, SettlementSeries
from console.domain.views.company import CompanyTotals
from console.wording.company import format_company_totals
from console.wording.daily_close import format_daily_close_lines
from console.wording.reports import format_settlement_lines

DAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def test_the_settlement_report_shows_the_money_of_any_currency() -> None:
    """The report of the money per day has the sums of a currency that this program doesn't know, and a negative net
    amount."""
    series = SettlementSeries("paypay", "KRW", (SettlementDay(DAY, 1, 3_300, 1, 4_000),))
    text = "\n".join(format_settlement_lines(SettlementReport(Period(DAY, DAY), (series,), NOW), "en"))
    assert all(amount in text for amount in ("KRW 3,300", "KRW 4,000", "−KRW 700"))


def test_the_totals_of_a_company_show_the_money_of_any_currency() -> None:
    """The answer of `lookup` and the page of a company have the totals of a currency that this program doesn't
    know."""
    assert "USD 10.50" in format_company_totals(CompanyTotals("USD", 1_050, 0, 0, 0), "en")


def test_a_daily_close_shows_the_money_of_any_currency() -> None:
    """A daily close lists payments with an unknown outcome, and reversals, of any currency and amount."""
    close = DailyClose(
        "paypay",
        DAY,
        (),
        (UnknownRecord("payment", 1, "ORD-1", "KRW", 3_300, NOW),),
        None,
        (),
        NOW,
        moved_reversals=(MovedReversal("USD", DAY, DAY, 2, -1_050),),
    )
    text = "\n".join(format_daily_close_lines(close, "en"))
    assert all(amount in text for amount in ("KRW 3,300", "−USD 10.50"))


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (3300, "JPY", "3300"),
        (-15050, "INR", "-150.50"),
        (0, "INR", "0.00"),
        (1_234, "KWD", "1.234"),
        (5, "???", "0.05"),
    ],
)
def test_a_stored_amount_has_the_decimals_of_its_currency(minor: int, currency: str, text: str) -> None:
    """The decimal text of a stored amount has the decimal places of its currency, also if Money refuses it."""
    assert format_stored_decimal(minor, currency) == text
