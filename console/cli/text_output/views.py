"""One record whole in a terminal: what it is, why, what next, and what only its kind has."""

from collections.abc import Iterable, Iterator

from console import cli_text_money, saga_wording, wording
from console.cli_text import documents, section
from console.cli_text_records import of_a_kind, one, table
from console.cli_writer import Voice
from console.domain.payment_results import OrderView, PaymentView, RefundView
from console.domain.records import EvidenceItem, TimelineEntry
from console.domain.results import CreditCheckView, Explanation
from console.domain.saga_steps import SagaView
from console.domain.views import AnyView


def shown(seen: AnyView, voice: Voice) -> Iterator[str]:
    """One record whole: what it is, why, what next, and how it came about."""
    yield from one(seen.record, voice)
    yield ""
    yield from _explained(seen.explanation, voice)
    yield from _own(seen, voice)
    yield from section("record.tab.timeline", _timeline(seen.timeline, voice), voice)
    yield from section("record.tab.evidence", _evidence(seen.evidence), voice)


def _own(seen: AnyView, voice: Voice) -> Iterator[str]:
    """What only one kind of record has."""
    match seen:
        case CreditCheckView():
            yield from section("record.tab.documents", documents(seen.documents, voice), voice)
        case OrderView():
            yield from section("cli.payments", of_a_kind(seen.payments, voice), voice)
            yield from section("cli.refunds", of_a_kind(seen.refunds, voice), voice)
            yield from section("saga.steps", _sagas(seen.sagas, voice), voice)
        case PaymentView():
            yield from section("money.strip", cli_text_money.strip(seen.money, voice), voice)
            yield from section("cli.sides", cli_text_money.sides(seen.sides, seen.record.provider, voice), voice)
            yield from section("cli.refunds", of_a_kind(seen.refunds, voice), voice)
        case RefundView():
            yield from section("money.strip", cli_text_money.strip(seen.money, voice), voice)
            yield from section("cli.payments", one(seen.payment, voice), voice)
            yield from section("cli.refund.against", cli_text_money.against(seen.against, voice), voice)


def _sagas(sagas: Iterable[SagaView], voice: Voice) -> Iterator[str]:
    """Each with its steps below it."""
    for seen in sagas:
        say = voice.language
        heading = (saga_wording.title(seen, say), saga_wording.standing(seen, say), saga_wording.dated(seen, say))
        yield " · ".join(heading)
        yield from table(
            (
                f"  {saga_wording.mark(step)}", saga_wording.step_name(step, say), saga_wording.step_word(step, say),
                saga_wording.step_detail(step, say) or wording.NOTHING,
            )
            for step in seen.steps
        )  # fmt: skip


def _explained(explanation: Explanation, voice: Voice) -> Iterator[str]:
    step = explanation.next_step
    yield voice(explanation.verdict, **explanation.facts)
    yield voice(explanation.why, **explanation.facts)
    yield voice(step.code, **step.facts)
    if step.command:
        yield voice("cli.run", command=step.command)


def _timeline(entries: Iterable[TimelineEntry], voice: Voice) -> Iterator[str]:
    return table((wording.format_instant(entry.at), entry.who, voice.timeline(entry)) for entry in entries)


def _evidence(items: Iterable[EvidenceItem]) -> Iterator[str]:
    return table((wording.format_instant(item.at), item.who, item.source, item.summary) for item in items)
