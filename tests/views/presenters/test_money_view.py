"""Tests of the presentation of payments, orders and refunds: their sides, amounts, badges and words."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from console.cli.json_output.records import build_record_fields_json
from console.cli.text_output.money import format_money_table
from console.cli.text_output.records import format_record_table
from console.cli.text_output.translator import Translator
from console.domain.explanations.records import explain_record
from console.domain.payments.compared_sides import ComparedSide, MoneyParts
from console.domain.payments.consistency import compute_money_parts, compute_reversed_minor
from console.domain.payments.records import (
    OrderState,
    OutsideRefundProposal,
    Payment,
    PaymentRelations,
    Refund,
    SetAsideState,
)
from console.domain.payments.service_results import PaymentDetails, RefundDetails
from console.domain.payments.states import DONE_OUTSIDE, RECORD_OUTSIDE_ACTION, PaymentState, RefundState
from console.domain.records import Certainty, Work, WorkReason, WorkState
from console.views.money.payment_page import PaymentPage
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.theme.mixed_font_text import draw_line_of_text
from console.views.theme.theme import Appearance
from console.views.widgets.base import FlowLabel, TextLabel
from console.views.widgets.controls import buttons
from console.views.widgets.display.money_strip import MoneyPanel, MoneyPartSwatch
from console.views.widgets.display.record_parts import RecordSideStrip
from console.views.widgets.layout.flow_layout import DividedFlow
from console.wording import records as record_words
from console.wording.exports.records import make_record_columns
from console.wording.sentences.text_context import FileTextContext
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import (
    MONEY_PARTS,
    OPEN_SET_ASIDE,
    ORDER,
    PAYMENT_EXPLANATION,
    make_compared_sides,
    make_payment,
    make_refund,
)


def test_three_sides_are_shown_in_a_fixed_order_with_ages() -> None:
    """The sides of a payment are shown in the order ours, gateway, order, each with state, amount and age."""
    ours, gateway, order = money_facts.make_shown_sides(
        make_compared_sides(), make_window_context(), provider="paypay", record=make_payment()
    )
    assert (ours.state_word, gateway.state_word, order.state_word) == ("Completed", "Completed", "Paid")
    assert gateway.name == "GATEWAY (PayPay)"
    assert gateway.age_text == "asked 15:01:05 · 3 min ago"
    assert {ours.amount, gateway.amount, order.amount} == {"¥12,000"}


def test_the_order_names_no_writer_of_its_version() -> None:
    """Our side names who wrote its version. The order's side has the version alone: the order may have been changed
    by the shop, a person or this program."""
    ours, gateway, order = make_compared_sides()
    sides = (replace(ours, source="op-a"), gateway, replace(order, source="shop"))
    shown = money_facts.make_shown_sides(sides, make_window_context(), provider="paypay", record=make_payment())
    assert (shown[0].source, shown[2].source) == ("v7 · by op-a", "v2")


@pytest.mark.parametrize(
    ("differs", "has_different_state"),
    [((), False), (("amount",), False), (("state",), True), (("state", "amount"), True), (("refunded",), True)],
)
def test_the_mark_of_a_difference_is_at_the_differing_value(
    differs: tuple[str, ...], has_different_state: bool
) -> None:
    """The state has the mark ≠ only if it differs, or if a value differs that the side doesn't show; an amount that
    differs has the mark itself. The words of a state that agrees look as on a side without differences."""
    _, gateway, _ = money_facts.make_shown_sides(
        make_compared_sides(minor=11_500, differs=differs),
        make_window_context(),
        provider="paypay",
        record=make_payment(),
    )
    assert gateway.has_different_state is has_different_state
    assert (gateway.amount == "≠ ¥11,500") is ("amount" in differs)


def test_a_differing_side_has_a_frame_and_names_its_fields() -> None:
    """A side that differs has a frame, and its spoken text names the differing fields."""
    _, gateway, _ = money_facts.make_shown_sides(
        make_compared_sides(minor=11_500, differs=("amount",)),
        make_window_context(),
        provider="paypay",
        record=make_payment(),
    )
    assert gateway.is_different
    assert "differs: Amount" in gateway.format_spoken_text()


@pytest.mark.parametrize(
    ("rule", "observed", "text"),
    [
        (WorkReason.RECONCILE_AMOUNT, "COMPLETED 13100 JPY", "history: Paid ¥13,100"),
        (WorkReason.RECONCILE_STATE, "FAILED 12000 JPY", "history: Failed or cancelled ¥12,000"),
        (WorkReason.RECONCILE_UNRECORDED_REFUND, "refunded 500", "history: Refunded ¥500"),
        (WorkReason.RECONCILE_MISSING_THERE, "paypay tells nothing of it", "not in the history of 2026-11-20"),
        (
            WorkReason.RECONCILE_STATE,
            "取引失敗 12000 JPY 2026-11-20T03:00:00Z",
            "history: Payment failed (取引失敗) ¥12,000 (11-20 12:00)",
        ),
        (WorkReason.RECONCILE_MISSING_THERE, "refund 3 of 500 JPY", "not in the history: refund R-3 ¥500"),
        (
            WorkReason.RECONCILE_MISSING_THERE,
            "refund 3 of 500 JPY; refund 4 of 700 JPY",
            "not in the history: refund R-3 ¥500, refund R-4 ¥700",
        ),
        (WorkReason.RECONCILE_AMOUNT, None, "Different amount in the provider's history"),
    ],
)
def test_the_gateways_side_shows_the_contradiction_of_its_history(
    rule: WorkReason, observed: str | None, text: str
) -> None:
    """If a reconciliation has found a difference, the gateway's side has a frame and the statement of its history,
    although the gateway's last answer agrees with the payment."""
    payment = make_payment(
        work=Work(WorkState.NEEDS_REVIEW, reason=rule), relations=PaymentRelations(contradicting_answer_text=observed)
    )
    _, gateway, _ = money_facts.make_shown_sides(
        make_compared_sides(), make_window_context(), provider="paypay", record=payment
    )
    assert (gateway.is_different, gateway.contradiction) == (True, text)
    assert (gateway.has_different_state, gateway.marked_contradiction) == (False, f"≠ {text}"), "the states agree"
    assert f"differs, Completed, ¥12,000, asked 15:01:05 · 3 min ago, {text}" in gateway.format_spoken_text()


@pytest.mark.parametrize(
    ("rule", "text"), [(WorkReason.RECONCILE_AMOUNT, "≠ ¥12,000"), (WorkReason.RECONCILE_MISSING_THERE, "¥12,000")]
)
def test_a_list_marks_an_amount_that_the_history_contradicts(rule: WorkReason, text: str) -> None:
    payment = make_payment(work=Work(WorkState.NEEDS_REVIEW, reason=rule), relations=PaymentRelations())
    assert record_words.format_amount_with_difference_mark(payment, make_window_context()) == text


def test_a_side_that_has_named_no_amount_is_not_blank(qapp: QApplication) -> None:
    """PayPay reports no amount for a code that waits for its payer. The side then shows a dash, which a screen reader
    doesn't read.
    """
    _, side, _ = make_compared_sides(minor=None, word="CREATED")
    shown = money_facts.make_shown_sides(
        (make_compared_sides()[0], side, make_compared_sides()[2]),
        make_window_context(),
        provider="paypay",
        record=make_payment(),
    )
    assert [one.is_amount_missing for one in shown] == [False, True, False]
    strip = RecordSideStrip(shown, "Sides")
    assert "–" in [label.plain for label in strip.panels[1].findChildren(TextLabel)]
    assert "–" not in strip.panels[1].accessibleName()


def test_an_unread_side_and_a_missing_side_are_named() -> None:
    """A side that was never read says "Not asked yet", and a side that doesn't exist says "None"."""
    ours, gateway, _ = make_compared_sides(None)
    shown_sides = money_facts.make_shown_sides(
        (ours, gateway, ComparedSide("order", there=False)),
        make_window_context(),
        provider="atom",
        record=make_payment(),
    )
    assert (shown_sides[1].state_word, shown_sides[1].age_text) == ("Not asked yet", "")
    assert (shown_sides[2].state_word, shown_sides[2].age_text) == ("None", "This payment has no order.")


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (make_payment(certainty=Certainty.UNKNOWN), "No valid answer"),
        (make_refund(), "Not sent yet"),
        (make_refund(state=RefundState.APPROVED), "Not sent yet"),
        *((make_refund(state=RefundState(state)), "Not sent") for state in ("rejected", "withdrawn", "expired")),
        (make_refund(sent_count=1, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN), "No valid answer"),
        (
            make_refund(sent_count=1, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, not_found=1),
            "Not found",
        ),
        (make_refund(sent_count=1, state=RefundState.APPROVED, error_code="not_connected"), "Not sent yet"),
        (make_refund(sent_count=1, state=RefundState.WITHDRAWN, error_code="not_connected"), "Not sent"),
        (make_refund(sent_count=1, state=RefundState.FAILED), "Refused"),
        (make_refund(sent_count=1, state=RefundState.FAILED, error_code="resolved_by_people"), "No valid answer"),
        (make_payment(state=PaymentState.PAYMENT_FAILED, error_code="resolved_by_people"), "No valid answer"),
        (make_payment(state=PaymentState.COMPLETED, error_code="resolved_by_people"), "No valid answer"),
    ],
)
def test_a_gateway_without_a_reported_state_agrees_with_the_verdict(record: Payment | Refund, word: str) -> None:
    """If the gateway has reported no state, its side has a word that agrees with the verdict of the record. The words
    distinguish "not sent yet", "not sent", "no valid answer", "not found" and "refused"; an ended refund is never
    shown as about to be sent."""
    _, gateway, _ = money_facts.make_shown_sides(
        make_compared_sides(None), make_window_context(), provider="paypay", record=record
    )
    assert gateway.state_word == word


def test_a_side_without_an_answer_shows_the_age_of_its_call() -> None:
    """If the provider's answer is missing, its side shows the age of the sending or of the payment's start. It shows
    no age if nothing was sent, or if the payment came by a notice or an import."""
    sent = {"sent_count": 1, "state": RefundState.SUBMITTING, "certainty": Certainty.UNKNOWN}
    records = (
        make_refund(**sent, last_sent_at=NOW - timedelta(hours=7)),
        make_payment(certainty=Certainty.UNKNOWN, begun_at=NOW - timedelta(minutes=3), operation_id="o-1"),
        make_payment(certainty=Certainty.UNKNOWN, begun_at=NOW - timedelta(minutes=3)),
        make_refund(),
    )
    gateways = [
        money_facts.make_shown_sides(
            make_compared_sides(None), make_window_context(), provider="paypay", record=record
        )[1]
        for record in records
    ]
    assert [gateway.age_text for gateway in gateways] == [
        "sent 08:04:05 · 7 h ago",
        "started 15:01:05 · 3 min ago",
        "",
        "",
    ]


def test_the_gateway_side_has_the_time_of_its_answer() -> None:
    """The gateway's side has the time of the gateway's answer, and not the time of the sending."""
    sent = {"sent_count": 1, "last_sent_at": NOW - timedelta(hours=7)}
    not_found = make_refund(
        **sent, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, not_found=2,
        first_not_found_at=NOW - timedelta(hours=2),
    )  # fmt: skip
    refused = make_refund(**sent, state=RefundState.FAILED, state_since=NOW - timedelta(minutes=30))
    gateways = [
        money_facts.make_shown_sides(
            make_compared_sides(None), make_window_context(), provider="paypay", record=record
        )[1]
        for record in (not_found, refused)
    ]
    assert [gateway.age_text for gateway in gateways] == ["since 13:04:05 · 2 h", "since 14:34:05 · 30 min"]


def test_a_provider_code_with_the_meaning_of_its_word_is_not_shown() -> None:
    """A side doesn't show the provider's code next to its word if the code means the same, as in "Completed
    completed". A different code of a provider is shown.
    """
    ours, gateway, order = money_facts.make_shown_sides(
        make_compared_sides(word="OTS0000"), make_window_context(), provider="atom", record=make_payment()
    )
    assert (ours.word_of_side, gateway.word_of_side, order.word_of_side) == ("", "OTS0000", "")


def test_our_record_and_the_order_have_no_code_in_either_language() -> None:
    """Our side and the order's side show no code next to their word, because an English code would be out of place in
    a Japanese window.
    """
    context = make_window_context()
    context.language = "ja"
    ours, gateway, order = money_facts.make_shown_sides(
        make_compared_sides(word="OTS0000"), context, provider="atom", record=make_payment()
    )
    assert (ours.state_word, ours.word_of_side, gateway.word_of_side, order.word_of_side) == (
        "完了",
        "",
        "OTS0000",
        "",
    )


def test_outdated_information_is_marked() -> None:
    """A side with an old answer shows the mark "old" next to the age of the answer."""
    _, gateway, _ = money_facts.make_shown_sides(
        make_compared_sides(timedelta(hours=30), old=True),
        make_window_context(),
        provider="paypay",
        record=make_payment(),
    )
    assert gateway.age_text.endswith("old")


def test_the_money_strip_shows_every_part_of_the_amount(appearance: object) -> None:
    """The strip of amounts shows each part of the amount with the figure of the service, computes no figure itself,
    and names each part for a screen reader.
    """
    money = MoneyParts("JPY", 12_000, 2_000, 1_000, 500, 0, 0, 8_500)
    parts, rest = money_facts.make_money_parts(money, make_window_context())
    assert [part.amount_text for part in parts] == ["¥12,000", "−¥2,000", "−¥1,000", "−¥500", "¥0"]
    assert rest.amount_text == "¥8,500"
    panel = MoneyPanel("Where the money is")
    panel.show_money_parts(parts, rest)
    assert "Refund outcome unknown −¥500" in panel.accessibleName()


def test_each_part_of_the_amount_has_its_own_pattern(appearance: object) -> None:
    """No two parts of the bar have the same pattern: in greyscale and in high contrast, the colours alone differ
    little.
    """
    money = MoneyParts("JPY", 12_000, 2_000, 1_000, 500, 400, 300, 7_300, outside=400)
    parts, rest = money_facts.make_money_parts(money, make_window_context(), reversed_minor=100)
    patterns = [part.fill_pattern for part in (*parts[1:], rest)]
    assert len(patterns) == 8
    assert len(set(patterns)) == 8, "two parts look alike"


def test_each_colour_of_the_bar_of_amounts_is_explained(appearance: object) -> None:
    """Each part that fills the bar has a swatch with its pattern beside a name."""
    for refunded_minor, waiting_minor in ((0, 0), (2_000, 0), (0, 3_000), (12_000, 0)):
        refundable_minor = 12_000 - refunded_minor - waiting_minor
        money = MoneyParts("JPY", 12_000, refunded_minor, 0, 0, waiting_minor, 0, refundable_minor)
        parts, rest = money_facts.make_money_parts(money, make_window_context())
        panel = MoneyPanel("Where the money is")
        panel.show_money_parts(parts, rest)
        assert rest.fill_pattern == ("solid" if refundable_minor else "empty")
        filled = {(part.fill_pattern, part.tone) for part in panel.bar._parts if part.fill_pattern != "empty"}
        swatches = panel.findChildren(MoneyPartSwatch)
        assert {(swatch._part.fill_pattern, swatch._part.tone) for swatch in swatches} == filled


def test_a_linked_unknown_amount_has_the_colour_of_unknown(appearance: Appearance) -> None:
    """In the strip of amounts, a link on an unknown amount has the colour for unknown outcomes, and not the colour of
    links. The test looks for the colour in the pixels.
    """
    money = MoneyParts("JPY", 12_000, 2_000, 1_000, 500, 0, 0, 8_500)
    panel = MoneyPanel("Where the money is", part_description="Shows the rows")
    panel.show_money_parts(*money_facts.make_money_parts(money, make_window_context()))
    unknown, refunded = (panel.part_buttons[key].grab().toImage() for key in ("unknown", "refunded"))

    def has_colour(image: QImage, name: str) -> bool:
        rgb = appearance.colour(name).rgb()
        return any(image.pixel(x, y) == rgb for x in range(image.width()) for y in range(image.height()))

    assert has_colour(unknown, "unknown")
    assert not has_colour(refunded, "unknown")
    assert not has_colour(unknown, "accent")


@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
def test_all_amounts_of_the_money_strip_share_one_row(appearance: Appearance, scale: float) -> None:
    """The digits of linked amounts, of zero amounts and of the refundable amount end in the same row of pixels."""
    appearance.set_text_scale(scale)
    money = MoneyParts("JPY", 222, 0, 111, 0, 0, 0, 111)
    panel = MoneyPanel("Where the money is", part_description="Shows the rows")
    panel.show_money_parts(*money_facts.make_money_parts(money, make_window_context()))
    panel.resize(round(1000 * scale), round(120 * scale))
    panel.ensurePolished()
    panel.grab()
    amounts: list[QWidget] = [*panel.part_buttons.values(), panel.refundable_amount_label]
    amounts += [label for label in panel.findChildren(TextLabel) if label.plain == "¥0"]
    bottoms = {amount.mapTo(panel, QPoint(0, find_lowest_text_row(amount))).y() for amount in amounts}
    assert len(amounts) > 3
    assert max(bottoms) - min(bottoms) <= scale / 2, bottoms  # a zero is rounder than a one at its foot


def find_lowest_text_row(amount: QWidget) -> int:
    """Return the lowest pixel row in which a letter or digit is painted, without the underline of a link. If the
    amount has no comma, this is the lower end of the digits.
    """
    image = amount.grab().toImage()
    paper, columns = image.pixel(image.width() - 1, 0), range(image.width() - 1)
    return next(y for y in range(image.height() - 3, -1, -1) if any(image.pixel(x, y) != paper for x in columns))


@pytest.mark.parametrize("description", ["", "Shows the rows"])
def test_the_paid_and_the_refundable_amount_alone_are_bold(
    appearance: Appearance, description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the strip of amounts, only the paid and the refundable amount are bold, even if they are links."""
    painted: dict[str, bool] = {}

    def record_text(*arguments: Any, **options: Any) -> None:
        painted[arguments[3]] = options["is_bold"]
        draw_line_of_text(*arguments, **options)

    monkeypatch.setattr(buttons, "draw_line_of_text", record_text)
    money = MoneyParts("JPY", 12_000, 2_000, 1_000, 500, 0, 0, 8_500)
    panel = MoneyPanel("Where the money is", part_description=description)
    panel.show_money_parts(*money_facts.make_money_parts(money, make_window_context()))
    for button in panel.part_buttons.values():
        button.grab()
    assert len(painted) == len(panel.part_buttons)
    shown = painted | {label.plain: label.font().bold() for label in panel.findChildren(TextLabel)}
    assert {text for text, is_bold in shown.items() if is_bold} == {"¥12,000", "¥8,500"}


@pytest.mark.parametrize("width", range(200, 1000, 40))
def test_a_dividing_line_stands_between_two_amounts_of_a_line(appearance: Appearance, width: int) -> None:
    """Each line of amounts has a dividing line between two amounts and none at its beginning, at every width of the
    strip. The test compares the pixels.
    """
    parts, rest = money_facts.make_money_parts(
        MoneyParts("JPY", 12_000, 2_000, 1_000, 500, 0, 0, 8_500), make_window_context()
    )
    panel = MoneyPanel("Where the money is")
    panel.show_money_parts(parts, rest)
    panel.setFixedSize(width, 600)
    image = panel.grab().toImage()
    (amounts,) = panel.findChildren(DividedFlow)
    shown = [part for part in amounts.children() if isinstance(part, QWidget)]
    tops = {part.y() for part in shown}
    ratio, line_colour = image.devicePixelRatio(), appearance.colour("line").rgb()
    dividers = 0
    for top in tops:
        y = round((amounts.mapTo(panel, QPoint(0, 0)).y() + top + 2) * ratio)
        left_edge = round(amounts.x() * ratio)
        xs = [
            x
            for x in range(left_edge, round((amounts.x() + amounts.width()) * ratio))
            if image.pixel(x, y) == line_colour
        ]
        assert left_edge not in xs, "a line begins with a dividing line"
        dividers += len(xs)
    assert dividers == len(shown) - len(tops)


def test_the_money_strip_shows_the_reversed_amount(appearance: object) -> None:
    """For a reversed payment, the reversed amount is the paid amount less the earlier refunds, so the parts in the
    strip add up to the paid amount.
    """
    money = MoneyParts("JPY", 12_000, 2_000, 0, 0, 0, 0, 0)
    assert compute_reversed_minor(make_payment(refunded_minor=2_000)) == 0
    reversed_minor = compute_reversed_minor(make_payment(state=PaymentState.REVERSED, refunded_minor=2_000))
    parts, rest = money_facts.make_money_parts(money, make_window_context(), reversed_minor=reversed_minor)
    assert [(part.name, part.amount_text) for part in parts][:3] == [
        ("Paid", "¥12,000"), ("Reversed", "−¥10,000"), ("Refunded", "−¥2,000"),
    ]  # fmt: skip
    assert rest.amount_text == "¥0"


def test_a_reversed_payment_has_no_refundable_amount_in_any_output() -> None:
    """The refundable amount of a reversed payment is 0 in the computed parts, in the terminal, in JSON and in
    exported lists.
    """
    reversed_payment = make_payment(state=PaymentState.REVERSED, captured_minor=12_000)
    assert compute_money_parts(reversed_payment, ()).refundable == 0
    translator = Translator()
    translator.language = "en"
    (titles, row) = format_record_table(reversed_payment, translator)
    assert row[titles.index("Refundable") :].split()[0] == "¥0"
    assert build_record_fields_json(reversed_payment, translator)["left_minor"] == 0
    columns = make_record_columns(FileTextContext("en", lambda: NOW), lambda record: record)
    (refundable_column,) = [column for column in columns if column.title == "Refundable"]
    assert refundable_column.read_cell(reversed_payment) == 0


def test_amounts_of_an_unknown_payment_are_not_shown_as_zero() -> None:
    """The amounts of a payment with an unknown outcome aren't shown as 0, because the payment may have been paid."""
    nothing = MoneyParts("JPY", 0, 0, 0, 0, 0, 0, 0)
    parts, refundable_part = money_facts.make_money_parts(nothing, make_window_context(), is_paid_unknown=True)
    assert (parts[0].amount_text, refundable_part.amount_text) == ("–", "–")
    unknown = make_payment(state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    assert record_words.is_paid_amount_unknown(unknown)
    assert not record_words.is_paid_amount_unknown(replace(unknown, certainty=Certainty.KNOWN))
    assert not record_words.is_paid_amount_unknown(replace(unknown, captured_minor=3_300))
    translator = Translator()
    translator.language = "en"
    assert list(format_money_table(nothing, unknown, translator)) == ["Paid  –"]
    (_, row) = format_record_table(unknown, translator)
    assert "¥12,000" in row


def test_an_approval_does_not_change_the_refundable_amount() -> None:
    """An open refund request has already reserved its amount. The approval's dialog says so, and shows no change of
    the refundable amount.
    """
    money = replace(
        MONEY_PARTS, captured=880_000, refundable=220_000, refunded=0, on_its_way=0, unknown=0, waiting=660_000
    )
    requested = make_refund(amount_minor=660_000)
    explanation = explain_record(requested, NOW)
    details = RefundDetails(
        requested, explanation, make_payment(), ORDER, make_compared_sides(), money, (), (), {}, (), (), (), ()
    )
    context = make_window_context()
    assert money_facts.format_refundable_after_approval(details, context) == context.translate(
        "dialog.approve.reserved", refundable="¥220,000", amount="¥660,000"
    )
    done = replace(details, record=replace(requested, state=RefundState.COMPLETED))
    assert money_facts.format_refundable_after_approval(done, context) == "¥220,000"


def test_rupees_have_indian_grouping_and_two_decimals() -> None:
    """Amounts in rupees are shown with Indian digit grouping and two decimals."""
    parts, _ = money_facts.make_money_parts(
        replace(MONEY_PARTS, currency="INR", captured=12_345_600), make_window_context()
    )
    assert parts[0].amount_text == "₹1,23,456.00"


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        (make_payment(), ("payment.completed", "certainty.known", "work.none")),
        (make_payment(refunded_minor=500), ("business.partly_refunded", "certainty.known", "work.none")),
        (make_payment(refunded_minor=12_000), ("business.refunded", "certainty.known", "work.none")),
        (make_payment(provider="atom"), ("payment.completed", "certainty.may_be_reversed", "work.none")),
        (
            make_payment(state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN),
            ("payment.user_payment", "certainty.unknown", "work.possible"),
        ),
        (
            make_payment(work=Work(WorkState.NEEDS_REVIEW, None, "amount_differs")),
            ("payment.completed", "certainty.sides_disagree", "work.needs_review"),
        ),
        (make_refund(), ("refund.requested", "certainty.known", "work.waiting_for_approval")),
        (
            make_refund(
                state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, work=Work(WorkState.SCHEDULED, NOW)
            ),
            ("refund.submitting", "certainty.unknown", "work.scheduled"),
        ),
        (
            make_payment(state=PaymentState.INITIALIZING),
            ("payment.initializing", "certainty.unconfirmed", "work.none"),
        ),
        (
            make_refund(state=RefundState.SUBMITTING),
            ("refund.submitting", "certainty.unconfirmed", "work.automatic"),
        ),
        (replace(ORDER, state=OrderState.SHIPPED), ("order.shipped", "certainty.known", "work.none")),
        (make_check(), ("credit_check.success", "certainty.known", "work.possible")),
        (
            make_check(expired_at=NOW + timedelta(days=9)),
            ("credit_check.success", "certainty.known", "work.none"),
        ),
        (make_check(incomplete=("pdf",)), ("credit_check.incomplete", "certainty.known", "work.possible")),
    ],
)
def test_every_record_has_badges_for_state_certainty_and_work(
    record: case_words.ShownRecord, keys: tuple[str, str, str]
) -> None:
    """Every kind of record has separate badges for state, certainty and work."""
    axes = (
        case_words.get_state_badge_key(record),
        case_words.get_certainty_badge_key(record, NOW),
        case_words.get_work_badge_key(record, NOW),
    )
    assert axes == keys


@pytest.mark.parametrize(
    ("payer", "shown"),
    [
        (None, ""), ("", ""), ("PAYER-67878294", "****8294"), ("****1234", "****1234"), ("****", "****"),
        ("山田太郎", "****"), ("1234567", "****"), ("12345678", "****5678"), ("*user-1", "****"),
    ],
)  # fmt: skip
def test_a_payer_is_masked(payer: str | None, shown: str) -> None:
    """A payer's reference is masked in the window and in exports as in the JSON: except for its last four characters,
    or completely if it is short. A reference that is already masked is unchanged.
    """
    assert case_words.mask_payer(payer) == shown
    assert case_words.mask_payer(case_words.mask_payer(payer)) == shown


def test_an_unknown_refund_is_never_listed_as_failed() -> None:
    """A refund with an unknown outcome is shown as unknown in its cause and its badge, and not as failed."""
    unsure = make_refund(state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, error_code="read_timeout")
    assert case_words.format_record_problem(unsure, make_window_context()) == "No answer in time"
    assert case_words.get_most_specific_badge_key(unsure, NOW) == "certainty.unknown"
    assert case_words.format_record_amount(unsure) == "−¥8,500"


def test_the_only_badge_of_a_completed_record_for_a_person_is_needs_a_person() -> None:
    """In the list of open issues and in the search results there is room for one badge. For a completed record that
    needs a person, this is the badge "needs a person".
    """
    set_aside = make_payment(work=Work(WorkState.NEEDS_REVIEW, reason=WorkReason.SET_ASIDE))
    assert case_words.get_most_specific_badge_key(set_aside, NOW) == "work.needs_review"
    assert case_words.get_most_specific_badge_key(make_payment(), NOW) == "payment.completed"
    failed = make_payment(state=PaymentState.PAYMENT_FAILED, work=Work(WorkState.NEEDS_REVIEW))
    assert case_words.get_most_specific_badge_key(failed, NOW) == "payment.payment_failed"


def test_money_set_aside_keeps_its_amount_while_its_refund_is_requested(appearance: Appearance) -> None:
    """The page of a payment shows each set-aside amount with its state, even after its refund was requested or made.
    The payment's own sum no longer contains the amount then, so without this list the page would show ¥0 next to an
    alert about ¥6,000.
    """
    page = PaymentPage(make_window_context())
    payment = make_payment(set_aside_minor=0)
    details = PaymentDetails(
        payment, PAYMENT_EXPLANATION, make_compared_sides(), MONEY_PARTS, ORDER, (), (OPEN_SET_ASIDE,), (), (), ()
    )
    for state, said in (
        (SetAsideState.OPEN, "To be refunded"),
        (SetAsideState.REFUNDING, "Refund requested"),
        (SetAsideState.REFUNDED, "Refunded"),
    ):
        page.fill_facts_panel(replace(details, set_asides=(replace(OPEN_SET_ASIDE, state=state), OPEN_SET_ASIDE)))
        texts = [label.plain for label in page.facts_panel.findChildren(TextLabel)]
        assert texts[texts.index("Set aside") + 1] == f"¥6,000 · {said}\n¥6,000 · To be refunded"


def test_the_header_of_a_payment_has_the_companys_name(qapp: QApplication) -> None:
    """If this desk has no registry, the header shows the company's name that a credit check has."""
    page = PaymentPage(make_window_context())
    payment = replace(make_payment(), name_in_credit_check="株式会社みなも堂印刷")
    page.fill_header(
        PaymentDetails(payment, PAYMENT_EXPLANATION, make_compared_sides(), MONEY_PARTS, ORDER, (), (), (), (), ())
    )
    assert page.head.company_label.plain == "株式会社みなも堂印刷"


@pytest.mark.parametrize(
    ("error_code", "offered_actions"), [("payer_left", ("probe",)), ("poll", ("probe", "refund"))]
)
def test_a_refund_is_not_recommended_after_one_was_refused_for_good(
    error_code: str, offered_actions: tuple[str, ...]
) -> None:
    """If the gateway refused the earlier refund finally, because it would probably refuse another one too, the page
    of the payment doesn't offer to request a refund. After any other failure it does.
    """
    failed = make_refund(state=RefundState.FAILED, error_code=error_code)
    details = PaymentDetails(
        make_payment(), PAYMENT_EXPLANATION, make_compared_sides(), MONEY_PARTS, ORDER, (failed,), (), (), (), ()
    )
    assert money_facts.list_offered_payment_actions(details) == offered_actions


def test_the_confirmation_of_a_refund_outside_is_recommended_beside_another_step() -> None:
    """A refund done outside waits for its second person, and the next step is another one: the page of the payment
    offers the confirmation, too."""
    payment = make_payment(relations=PaymentRelations(ORDER, proposed_state=DONE_OUTSIDE))
    details = PaymentDetails(
        payment, PAYMENT_EXPLANATION, make_compared_sides(), MONEY_PARTS, ORDER, (), (), (), (), ()
    )
    assert money_facts.list_offered_payment_actions(details) == (RECORD_OUTSIDE_ACTION, "probe", "refund")


def test_an_amount_that_waits_as_given_back_outside_is_named_at_the_amounts(appearance: object) -> None:
    """The refundable amount still contains an amount that one person alone has recorded as given back outside. A
    sentence below the amounts says so, so that nobody refunds it again; without a proposal there is no sentence."""
    context = make_window_context()
    panel = MoneyPanel("amounts")
    assert money_facts.format_outside_proposal(make_payment(), context) == ""
    proposal = OutsideRefundProposal(6_400, NOW.date(), "op-a", NOW)
    relations = PaymentRelations(ORDER, proposed_state=DONE_OUTSIDE, outside_proposal=proposal)
    sentence = money_facts.format_outside_proposal(make_payment(relations=relations), context)
    assert all(part in sentence for part in ("op-a", "¥6,400", NOW.date().isoformat(), "Do not refund it again"))
    for text in (sentence, ""):
        panel.show_note(text)
        (label,) = panel.findChildren(FlowLabel)
        assert (label.plain, label.isHidden()) == (text, not text)
