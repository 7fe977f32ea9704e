"""The columns of exported lists whose rows are not records: alerts, audit entries, results of bulk runs, and so
on."""

from collections.abc import Callable
from datetime import date

from console.domain.bulk.records import BulkRowWithRecord, get_row_outcome
from console.domain.exports.tables import CellKind, ExportColumn
from console.domain.payments.records import Refund
from console.domain.payments.service_results import SetAsideItem
from console.domain.reconciliation.service_results import DifferenceItem, ReconciliationRunItem
from console.domain.records import AuditEntry
from console.domain.recovery.records import RecoverableRecord, WaitingProposal
from console.domain.registry.corporations import RegistryMatch
from console.domain.tasks.records import AlertItem, BulkAction
from console.domain.views.changed_companies import ChangedCompanyItem
from console.domain.views.unmatched_notices import UnmatchedNoticeItem
from console.wording import alerts as alert_words
from console.wording import audit_words
from console.wording import bulk as bulk_words
from console.wording import credit_checks as check_words
from console.wording import reconciliation as reconciliation_words
from console.wording import records as record_words
from console.wording import registry as registry_words
from console.wording.exports.columns import (
    make_amount_column,
    make_corporation_number_column,
    make_currency_column,
    make_instant_column,
    make_number_column,
    make_text_column,
)
from console.wording.notices import format_notice_type
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext

ExportColumns = tuple[ExportColumn, ...]
ApprovalRow = Refund | WaitingProposal


def make_audit_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of audit entries."""

    def format_actor(entry: AuditEntry) -> str:
        return check_words.get_actor_name(entry.who, context)

    return (
        make_instant_column(context, "column.when", lambda entry: entry.at),
        make_text_column(context, "column.who", format_actor),
        make_text_column(
            context, "column.what", lambda entry: audit_words.format_audit_action(entry, context.language)
        ),
        make_text_column(
            context, "column.record", lambda entry: audit_words.format_audit_subject(entry, context.language)
        ),
        make_text_column(
            context, "column.result", lambda entry: audit_words.format_audit_result(entry, context.language)
        ),
        make_number_column(context, "column.entry", lambda entry: entry.id),
    )


def make_alert_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of open alerts."""

    def format_observed(item: AlertItem) -> str:
        return alert_words.format_alert_value(item.alert.observed, context, item.alert.expected)

    def format_expected(item: AlertItem) -> str:
        return alert_words.format_alert_value(item.alert.expected, context, item.alert.observed)

    return (
        make_instant_column(context, "column.since", lambda item: item.alert.detected_at),
        make_text_column(context, "column.cause", lambda item: alert_words.format_alert_rule(item.alert, context)),
        make_text_column(
            context, "alerts_screen.column.about", lambda item: alert_words.format_alert_record(item, context)
        ),
        make_text_column(context, "alerts_screen.column.observed", format_observed),
        make_text_column(context, "alerts_screen.column.expected", format_expected),
        make_text_column(context, "alerts_screen.column.seen", lambda item: item.alert.acknowledged_by),
        make_instant_column(context, "export.column.acknowledged_at", lambda item: item.alert.acknowledged_at),
        make_text_column(context, "export.column.note", lambda item: item.alert.note),
    )


def make_bulk_run_columns(context: TextContext, action: BulkAction) -> ExportColumns:
    """Return the columns of the list of a bulk run's results. The bulk run has executed this action."""

    def format_result(line: BulkRowWithRecord) -> str:
        name = get_row_outcome(line.row.result, line.row.reason) or "none"
        return bulk_words.get_row_outcome_word(name, action, context)

    def apply_to_record(
        read_value: Callable[[RecoverableRecord], str | None],
    ) -> Callable[[BulkRowWithRecord], str | None]:
        return lambda line: None if line.record is None else read_value(line.record)

    def read_amount(line: BulkRowWithRecord) -> tuple[int | None, str | None]:
        return (None, None) if line.record is None else record_words.compute_signed_amount(line.record)

    def format_state(record: RecoverableRecord) -> str:
        return wording.get_badge_word(bulk_words.get_row_badge_key(record), context.language)

    return (
        make_number_column(context, "bulk.column.place", lambda line: line.row.position),
        make_text_column(context, "column.kind", lambda line: context.translate(f"kind.{line.row.kind}")),
        make_text_column(
            context, "column.record", lambda line: bulk_words.get_row_record_name(line.record, line.row, context)
        ),
        make_text_column(
            context, "column.corporation", lambda line: bulk_words.get_company_name_or_number(line.record, context)
        ),
        make_corporation_number_column(context, apply_to_record(record_words.get_corporation_number)),
        make_text_column(
            context,
            "column.provider",
            apply_to_record(lambda record: record_words.get_record_provider_name(record, context)),
        ),
        make_amount_column(context, "column.amount", read_amount),
        make_currency_column(context, lambda line: read_amount(line)[1]),
        make_text_column(context, "column.result", format_result),
        make_text_column(context, "bulk.column.state_now", apply_to_record(format_state)),
        make_text_column(context, "column.reason", lambda line: bulk_words.format_bulk_row_reason(line.row, context)),
        make_instant_column(context, "export.column.done_at", lambda line: line.row.done_at),
    )


def make_reconciliation_run_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of reconciliation runs."""

    def make_day_column(key: str, get_day: Callable[[ReconciliationRunItem], date]) -> ExportColumn:
        return ExportColumn(context.translate(key), CellKind.DAY, get_day)

    def make_count_column(part: str, get_count: Callable[[ReconciliationRunItem], int]) -> ExportColumn:
        return make_number_column(context, f"reconcile.part.{part}", get_count)

    return (
        make_day_column("export.column.from_day", lambda item: item.from_day),
        make_day_column("export.column.to_day", lambda item: item.to_day),
        make_text_column(
            context, "reconcile.provider", lambda item: record_words.get_provider_name(item.provider, context)
        ),
        make_text_column(context, "column.state", lambda item: context.translate(f"reconcile.state.{item.state}")),
        make_count_column("rows", lambda item: item.compared_count),
        make_count_column("agree", lambda item: item.matched_count),
        make_count_column("differ", lambda item: item.differing_count),
        make_count_column("only_ours", lambda item: item.missing_at_provider_count),
        make_count_column("only_theirs", lambda item: item.imported_count),
        make_text_column(context, "column.who", lambda item: check_words.get_actor_name(item.asked_by, context)),
        make_instant_column(context, "reconcile.column.begun", lambda item: item.begun_at),
        make_instant_column(context, "reconcile.column.ended", lambda item: item.ended_at),
    )


def make_difference_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of differences that a reconciliation run has found."""

    def read_difference(item: DifferenceItem) -> tuple[int | None, str | None]:
        minor, currency = reconciliation_words.compute_amount_difference(item)
        return (minor, currency) if minor else (None, None)

    return (
        make_text_column(
            context, "kind.payment", lambda item: reconciliation_words.get_difference_name(item, context)
        ),
        make_text_column(
            context, "reconcile.column.ours", lambda item: reconciliation_words.format_our_side(item, context)
        ),
        make_text_column(
            context, "reconcile.column.theirs", lambda item: reconciliation_words.format_provider_side(item, context)
        ),
        make_text_column(
            context, "reconcile.column.verdict", lambda item: reconciliation_words.get_verdict_word(item, context)
        ),
        make_amount_column(context, "reconcile.column.difference", read_difference),
        make_currency_column(context, lambda item: read_difference(item)[1]),
        make_text_column(
            context, "column.cause", lambda item: reconciliation_words.format_difference_cause(item, context)
        ),
    )


def make_set_aside_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of set-aside money."""

    def make_money_column(key: str, get_amount_minor: Callable[[SetAsideItem], int | None]) -> ExportColumn:
        return make_amount_column(context, key, lambda item: (get_amount_minor(item), item.record.currency))

    return (
        make_instant_column(context, "column.since", lambda item: item.record.created_at),
        make_corporation_number_column(context, lambda item: item.payment.corporation_number),
        make_text_column(
            context, "kind.payment", lambda item: record_words.format_short_title(item.payment, context)
        ),
        make_text_column(
            context, "column.provider", lambda item: record_words.get_record_provider_name(item.payment, context)
        ),
        make_money_column("money.part.paid", lambda item: item.payment.captured_minor),
        make_money_column("money.part.set_aside", lambda item: item.record.amount_minor),
        make_money_column("set_asides.limit", lambda item: item.limit_minor),
        make_currency_column(context, lambda item: item.record.currency),
        make_text_column(
            context, "column.state", lambda item: context.translate(f"state.set_aside.{item.record.state}")
        ),
    )


def make_approval_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of refund requests and proposed outcomes that wait for a second person."""

    def read_amount(row: ApprovalRow) -> tuple[int | None, str | None]:
        if isinstance(row, Refund):
            return record_words.compute_signed_amount(row)
        if row.amount_minor is None:
            return None, None
        return (-row.amount_minor if row.kind == "refund" else row.amount_minor), row.currency

    return (
        make_text_column(context, "column.kind", lambda row: _get_approval_kind(row, context)),
        make_text_column(context, "column.record", lambda row: _format_approval_title(row, context)),
        make_corporation_number_column(context, lambda row: _get_corporation_number(row)),
        make_amount_column(context, "column.amount", read_amount),
        make_currency_column(context, lambda row: read_amount(row)[1]),
        make_text_column(context, "column.state", lambda row: _format_approval_state(row, context)),
        make_text_column(
            context,
            "column.maker",
            lambda row: check_words.get_actor_name(row.maker if isinstance(row, Refund) else row.person, context),
        ),
        make_text_column(
            context, "column.checkers", lambda row: " ".join(row.checkers) if isinstance(row, Refund) else None
        ),
        make_text_column(context, "column.reason", lambda row: _format_approval_reason(row, context)),
        make_instant_column(
            context, "column.since", lambda row: row.created_at if isinstance(row, Refund) else row.since
        ),
    )


def _format_approval_reason(row: ApprovalRow, context: TextContext) -> str:
    if isinstance(row, Refund):
        return record_words.format_refund_reason(row, context)
    return record_words.format_proposal_reason(row.evidence_summary, context)


def _get_approval_kind(row: ApprovalRow, context: TextContext) -> str:
    return context.translate("kind.refund" if isinstance(row, Refund) else "approvals.proposed_outcome")


def _format_approval_title(row: ApprovalRow, context: TextContext) -> str:
    if isinstance(row, Refund):
        return record_words.format_short_title(row, context)
    match row.kind:
        case "payment":
            return context.translate("case.title.payment", number=row.payment_number or row.record_id)
        case "refund":
            return context.translate("case.title.refund", id=row.record_id)
        case "credit-check":
            return context.translate("record.title", id=row.record_id)
    return f"{context.translate('operation_screen.title')} {wording.shorten_id(row.record_id)}"


def _get_corporation_number(row: ApprovalRow) -> str | None:
    if isinstance(row, WaitingProposal):
        return row.corporation_number
    payment = row.relations.payment if row.relations is not None else None
    return None if payment is None else payment.corporation_number


def _format_approval_state(row: ApprovalRow, context: TextContext) -> str:
    if isinstance(row, Refund):
        return wording.get_badge_word(record_words.get_state_badge_key(row), context.language)
    return record_words.get_proposed_state_word(row.kind, row.state, context)


def make_company_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the list of corporations that a search in the corporation registry has found."""

    def translate_text(key: str, /, **facts: object) -> str:
        return context.translate(key, **facts)

    def format_closure(match: RegistryMatch) -> str:
        return registry_words.format_corporation_closure(match.corporation, translate_text) or context.translate(
            "corporation.open"
        )

    return (
        make_text_column(
            context,
            "corporation.label.name",
            lambda match: registry_words.get_official_name(match.corporation, translate_text),
        ),
        make_text_column(context, "corporation.label.furigana", lambda match: match.corporation.furigana),
        make_corporation_number_column(context, lambda match: match.corporation.number),
        make_text_column(
            context,
            "corporation.label.address",
            lambda match: registry_words.format_corporation_address(match.corporation, translate_text),
        ),
        make_text_column(context, "column.state", format_closure),
        make_text_column(
            context,
            "corporation.label.ours",
            lambda match: registry_words.format_own_records_note(match, translate_text),
        ),
    )


def make_unmatched_notice_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the queue of unmatched notices."""

    def read_amount(item: UnmatchedNoticeItem) -> tuple[int | None, str | None]:
        return item.notice.amount_minor, item.notice.currency

    def format_type(item: UnmatchedNoticeItem) -> str:
        return format_notice_type(item.notice.source, item.notice.type, context.language)

    def format_reason(item: UnmatchedNoticeItem) -> str:
        return context.translate(item.explanation.why, **item.explanation.facts)

    def format_next_step(item: UnmatchedNoticeItem) -> str:
        return context.translate(item.explanation.next_step.code, **item.explanation.next_step.facts)

    return (
        make_text_column(
            context, "column.provider", lambda item: record_words.get_provider_name(item.notice.source, context)
        ),
        make_text_column(context, "column.order", lambda item: item.notice.order_no),
        make_text_column(context, "notice.column.type", format_type),
        make_amount_column(context, "column.amount", read_amount),
        make_currency_column(context, lambda item: item.notice.currency),
        make_instant_column(context, "notice.column.occurred", lambda item: item.notice.occurred_at),
        make_text_column(
            context, "notice.column.proof", lambda item: context.translate(f"notice.proof.{item.notice.proof}")
        ),
        make_text_column(context, "column.cause", format_reason),
        make_text_column(context, "column.next_step", format_next_step),
        make_instant_column(context, "column.since", lambda item: item.since),
    )


def make_changed_company_columns(context: TextContext) -> ExportColumns:
    """Return the columns of the queue of changed companies."""

    def format_name(item: ChangedCompanyItem) -> str:
        return item.change.after.name or context.translate("corporation.name_is_image")

    def format_reason(item: ChangedCompanyItem) -> str:
        return context.translate(item.explanation.why, **item.explanation.facts)

    def format_next_step(item: ChangedCompanyItem) -> str:
        return context.translate(item.explanation.next_step.code, **item.explanation.next_step.facts)

    return (
        make_corporation_number_column(context, lambda item: item.change.corporation_number),
        make_text_column(context, "column.corporation", format_name),
        make_text_column(context, "column.cause", format_reason),
        make_text_column(context, "column.next_step", format_next_step),
        make_instant_column(context, "column.since", lambda item: item.since),
    )
