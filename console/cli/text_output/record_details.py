"""Functions that build the answer of the command `show` as text: record, explanation, next step, and the sections
of its kind.
"""

from collections.abc import Iterable, Iterator

from console.cli.text_output import money as cli_text_money
from console.cli.text_output.records import (
    format_aligned_lines,
    format_document_table,
    format_explanation_lines,
    format_record_table,
    format_records_of_one_kind,
    format_section_lines,
)
from console.cli.text_output.registry import format_corporation_facts_section
from console.cli.text_output.translator import Lines, Translator
from console.domain.access.permissions import WORKER
from console.domain.payments.records import Payment
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.records import EvidenceItem, Operation
from console.domain.tasks.saga_progress import SagaProgress
from console.domain.views.any_record import AnyRecordDetails, CreditCheckDetails
from console.wording import evidence_words, timelines
from console.wording import sagas as saga_wording
from console.wording.sentences import catalogue as wording


def format_details_lines(details: AnyRecordDetails, translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `show` as text: record, explanation, next step, the sections of the record's
    kind, timeline and evidence.
    """
    yield from format_record_table(details.record, translator)
    yield ""
    yield from format_explanation_lines(details.explanation, translator)
    yield from _format_age_lines(details, translator)
    yield from format_corporation_facts_section(details.corporation, (details.record,), translator)
    yield from _format_sections_of_record_kind(details, translator)
    yield from format_section_lines("record.tab.timeline", _format_timeline_table(details, translator), translator)
    yield from format_section_lines(
        "record.tab.evidence", _format_evidence_table(details.evidence, translator), translator
    )


def _format_age_lines(details: AnyRecordDetails, translator: Translator) -> Iterator[str]:
    """Yield a line with the time since which the record has its present state and, for a credit check, a line with
    the time at which AlarmBox was last queried. Yield nothing for an operation, because its table already has its
    times."""
    if isinstance(details.record, Operation):
        return
    since = details.record.state_since
    if since is None:
        yield translator("cli.queue.since_unknown")
    else:
        yield translator("cli.queue.since", at=since, age=translator.compute_age(since))
    if isinstance(details, CreditCheckDetails) and details.last_answer_at is not None:
        at = details.last_answer_at
        time_text = translator(
            "record.side.asked_age", at=translator.format_short_instant(at), age=translator.compute_age(at)
        )
        yield f"{translator('record.side.provider')}: {time_text}"


def _format_sides_section(details: OrderDetails | PaymentDetails | RefundDetails, translator: Translator) -> Lines:
    """Return the section with the compared sides of a payment or refund, or of the payment of an order."""
    record = details.explained_payment if isinstance(details, OrderDetails) else details.record
    payment = details.payment if isinstance(details, RefundDetails) else record
    provider = payment.provider if isinstance(payment, Payment) else ""
    table = cli_text_money.format_compared_states_table(details.sides, record, provider, translator)
    return format_section_lines("cli.sides", table, translator)


def _format_sections_of_record_kind(details: AnyRecordDetails, translator: Translator) -> Iterator[str]:
    """Yield those sections of the command `show` that only records of this kind have, such as the refunds of an
    order."""
    match details:
        case CreditCheckDetails():
            yield from format_section_lines(
                "record.tab.documents", format_document_table(details.documents, translator), translator
            )
        case OrderDetails():
            yield from _format_sides_section(details, translator)
            yield from format_section_lines(
                "cli.payments", format_records_of_one_kind(details.payments, translator), translator
            )
            yield from format_section_lines(
                "cli.refunds", format_records_of_one_kind(details.refunds, translator), translator
            )
            yield from format_section_lines("saga.steps", _format_saga_lines(details.sagas, translator), translator)
        case PaymentDetails():
            yield from format_section_lines(
                "money.strip",
                cli_text_money.format_money_table(details.money, details.record, translator),
                translator,
            )
            yield from format_section_lines(
                "screen.set_asides", cli_text_money.format_set_aside_table(details.set_asides, translator), translator
            )
            yield from _format_sides_section(details, translator)
            yield from format_section_lines(
                "cli.refunds", format_records_of_one_kind(details.refunds, translator), translator
            )
        case RefundDetails():
            yield from format_section_lines(
                "money.strip",
                cli_text_money.format_money_table(details.money, details.payment, translator),
                translator,
            )
            yield from _format_sides_section(details, translator)
            yield from format_section_lines(
                "cli.payments", format_record_table(details.payment, translator), translator
            )
            yield from format_section_lines(
                "cli.refund.against",
                cli_text_money.format_risk_signal_lines(details.risk_signals, translator),
                translator,
            )


def _format_saga_lines(sagas: Iterable[SagaProgress], translator: Translator) -> Iterator[str]:
    """Yield the sagas that end expired payments: for each saga a heading with its state, followed by its steps."""
    for saga in sagas:
        language = translator.language
        heading = (
            saga_wording.get_saga_title(language),
            saga_wording.format_saga_state(saga, language),
            saga_wording.format_saga_time(saga, language),
        )
        yield wording.join_facts(heading, translator)
        yield from format_aligned_lines(
            (
                f"  {saga_wording.get_step_state_character(step)}",
                saga_wording.get_step_name(step, language),
                saga_wording.get_step_state_word(step, language),
                saga_wording.format_step_detail(step, language) or wording.NO_VALUE,
            )
            for step in saga.steps
        )


def _format_timeline_table(details: AnyRecordDetails, translator: Translator) -> Iterator[str]:
    """Yield the timeline, with the same events as in the window: of a payment, refund or order, the events of the
    record and its related records; of a credit check or operation, its audit entries. Entries which only say that a
    person has opened the record are left out. If older events exist, the last line says so."""
    if not isinstance(details, OrderDetails | PaymentDetails | RefundDetails):
        yield from format_aligned_lines(
            (
                wording.format_instant(entry.at),
                _format_actor(entry.actor, translator),
                translator.format_audit_entry(entry),
            )
            for entry in details.timeline
            if not timelines.is_record_opened_entry(entry)
        )
        return
    page = details.newest_events
    yield from format_aligned_lines(
        (
            wording.format_instant(event.at),
            _format_actor(event.who, translator),
            timelines.format_event_sentence_with_record(event, page, translator.language),
        )
        for event in page.events
    )
    yield from filter(None, [timelines.format_note_about_earlier_events(page, translator.language)])


def _format_actor(actor: str, translator: Translator) -> str:
    """Return the name of a person, or the word for automatic processing, as the window shows it."""
    return translator("who.worker") if actor == WORKER else actor


def _format_evidence_table(items: Iterable[EvidenceItem], translator: Translator) -> Iterator[str]:
    return format_aligned_lines(
        (
            wording.format_instant(item.at),
            _format_actor(item.who, translator),
            evidence_words.format_evidence_source(item.source, translator.language),
            wording.format_evidence_summary(item.summary, translator.language),
        )
        for item in items
    )
