"""Tests of the explanation of an unmatched notice."""

import shlex
from datetime import UTC, datetime

import pytest

from console.cli.process.parser import parse_arguments
from console.domain.explanations.notices import explain_notice
from console.domain.views.unmatched_notices import NoticeProof, UnmatchedNotice

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize("number", ["ORD-9", "ORD 9", "-ORD9", "ORD'9"])
@pytest.mark.parametrize("source", ["paypay", "atom"])
def test_the_advised_import_has_the_number_of_the_notice(source: str, number: str) -> None:
    currency = "JPY" if source == "paypay" else "INR"
    notice = UnmatchedNotice(1, source, "ev-1", "paid", number, 3300, currency, NOW, NOW, NoticeProof.ADDRESS)
    step = explain_notice(notice, (), (), can_import=True, needs_amount_and_day=source == "atom").next_step
    assert step.command is not None
    arguments = parse_arguments(shlex.split(step.command)[1:], lambda key, **_facts: key)
    assert (arguments.provider, arguments.merchant_payment_id) == (source, number)
    options = " --amount 33.00 --date 2026-11-20" if source == "atom" else ""
    separator = " --" if number == "-ORD9" else ""
    assert step.command == f"support-console payment import{options}{separator} {source} {shlex.quote(number)}"
