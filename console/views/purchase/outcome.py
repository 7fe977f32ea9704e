"""How a purchase ended: bought, refused, or without an answer; what stands in the dialog then."""

from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.errors import EXIT_STATUS
from console.domain.records import CreditCheck, Operation
from console.domain.results import PurchasePlan
from console.views import record_words as words
from console.views.dialogs.badges import badges
from console.views.dialogs.steps import Steps, happenings
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column
from console.views.widgets.record import FactList
from console.views.widgets.timeline import Happening, TimelineList

_LINE = 32


def bought(seat: Seat, record: CreditCheck, steps: Steps) -> QWidget:
    """What is here, and when what is missing will be fetched: nothing of it is an error."""
    if record.incomplete:
        text = seat.say(
            "dialog.purchase.bought_incomplete", record=record.id, missing=record.incomplete, at=record.work.at
        )
        told = Bar(seat.say("dialog.purchase.bought_title"), text, tone="care", shape="open_ring_plus")
    else:
        text = seat.say("dialog.purchase.bought", record=record.id)
        told = Bar(seat.say("dialog.purchase.bought_title"), text, tone="good", shape="check")
    facts = FactList(
        [
            (seat.say("field.company_name"), record.company_name or wording.NOTHING),
            (seat.say("field.result"), words.result_word(record, seat) or wording.NOTHING),
            (seat.say("field.expired_at"), wording.format_instant(record.expired_at, "until")),
        ]
    )
    return _stack(told, badges(seat, record), facts, _lines(seat, steps, []))


def unknown(
    seat: Seat, plan: PurchasePlan, record: CreditCheck | Operation | None, steps: Steps, failure: Failure
) -> QWidget:
    """It may have been charged: buying is blocked, nothing is lost, and what to do now."""
    say = seat.say
    blocked = Bar(say("record.blocked"), say("dialog.purchase.unknown"), tone="unknown", shape="lock")
    now = wording.format_instant(seat.now(), "clock")
    full = wording.format_instant(seat.now())
    operation = record.operation_id if isinstance(record, CreditCheck) else record.id if record else None
    ends = [
        Happening(now, full, "question", "unknown", "", say("dialog.purchase.unknown_silence")),
        Happening(now, full, "check", "good", "", say("dialog.purchase.unknown_saved")),
    ]
    parts: list[QWidget] = [blocked]
    if isinstance(record, CreditCheck):
        parts.append(badges(seat, record))
    sent = [Happening(now, full, "arrow_right", "text", "", say("dialog.purchase.unknown_sent", operation=operation))]
    parts.append(_lines(seat, steps, [*(sent if operation else []), *ends]))
    parts.append(_what_next(seat, plan))
    return _stack(*parts)


def _what_next(seat: Seat, plan: PurchasePlan) -> QWidget:
    say = seat.say
    box = Surface(edge="all")
    look = say("dialog.purchase.unknown_step_look", number=plan.corporation_number)
    steps = [look, say("dialog.purchase.unknown_step_resolve")]
    numbered = [Words(say("dialog.step", number=place, words=step), wrap=True) for place, step in enumerate(steps, 1)]
    second = say("dialog.purchase.unknown_second", people=seat.others_who("resolve_second"))
    title = Words(say("dialog.purchase.unknown_next"), bold=True)
    small = Words(second, "small", "muted", wrap=True)
    box.setLayout(column(title, *numbered, small, gap=2, margins=(12, 8, 12, 10)))
    return box


def refused(seat: Seat, record: CreditCheck | Operation | None, failure: Failure) -> QWidget:
    """Certainly not bought, or not even asked."""
    asked = EXIT_STATUS.get(failure.code, 70) in (5, 6)
    lead = seat.say("dialog.purchase.not_charged") if asked else ""
    told = Bar(lead, seat.message(failure), tone="bad", shape="cross" if asked else "square_bang")
    parts: list[QWidget] = [told]
    if isinstance(record, CreditCheck):
        parts.append(badges(seat, record))
    return _stack(*parts)


def _lines(seat: Seat, steps: Steps, more: list[Happening]) -> QWidget:
    lines = [*happenings(seat, tuple(steps.reached), ended=True), *more]
    shown = TimelineList(seat.say("dialog.steps"), margin=0)
    shown.show_happenings(lines)
    shown.setFixedHeight(_LINE * max(1, len(lines)) + 4)
    return shown


def _stack(*parts: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(column(*parts, None, gap=12))
    return holder
