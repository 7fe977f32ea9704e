"""The command `reconcile`: compare a provider's history with our records. Its answer contains the counts, the
differences and the cases.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.alerts.alerts import build_alert_json
from console.cli.json_output.records import format_instant_for_json
from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import parse_required_day
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.tasks.records import ReconcileReport, ReconciliationDifference

_RECONCILIATION_COUNT_NAMES = ("matched", "imported", "missing_there", "different_state", "different_amount")
_MAX_LISTED_DIFFERENCES = 50


@dataclass(frozen=True, slots=True)
class ReportWithPaymentNumbers:
    """The value that the command `reconcile` returns: the report of the reconciliation, and the payment numbers that
    people use. `number_by_payment` has the payment numbers by a text such as "payment 17", where 17 is the id of the
    payment."""

    report: "ReconcileReport"
    number_by_payment: Mapping[str, str]

    def get_payment_number(self, difference: "ReconciliationDifference") -> str:
        """Return the payment number that people use for the payment of a difference. If this database lacks the
        payment, or if the payment numbers could not be read, return `difference.row_key`, which identifies the row in
        the provider's history."""
        return self.number_by_payment.get(f"payment {difference.payment_id}", difference.row_key)


def _run_reconciliation(console: "Console", args: Namespace, _: AnswerWriter) -> ReportWithPaymentNumbers:
    first_day, last_day = parse_required_day(args.from_day, "--from"), parse_required_day(args.to_day, "--to")
    provider_and_days = (args.provider, first_day, last_day)
    report = console.reconciliation.run(*provider_and_days, dry_run=args.dry_run, request_id=args.request_id)
    subjects = {f"payment {difference.payment_id}" for difference in report.differences}
    # The run has ended: if the payment numbers can't be read, its answer has the keys of the rows.
    with suppress(ConsoleError):
        return ReportWithPaymentNumbers(report, console.lookup.find_record_numbers(subjects))
    return ReportWithPaymentNumbers(report, {})


def _build_reconciliation_report_json(answer: ReportWithPaymentNumbers, translate: TranslateFunction) -> JsonObject:
    report = answer.report
    return {
        **{name: getattr(report, name) for name in _RECONCILIATION_COUNT_NAMES},
        "cases": [build_alert_json(item, translate) for item in report.cases],
        "refused": report.refused,
        "differences": [
            {**_build_difference_json(item), "payment_number": answer.get_payment_number(item)}
            for item in report.differences
        ],
        "provider": report.provider,
        "from": report.from_day.isoformat(),
        "to": report.to_day.isoformat(),
        "dry_run": report.run_id is None,
        "reconciliation": report.run_id,
        "evidence": report.evidence_id,
        "ended_at": format_instant_for_json(report.ended_at),
    }


def _build_difference_json(difference: "ReconciliationDifference") -> JsonObject:
    return {
        "row": difference.row_key,
        "verdict": difference.verdict.value,
        "payment": difference.payment_id,
        "ours": difference.ours,
        "theirs": difference.theirs,
    }


def _format_reconciliation_report_lines(answer: ReportWithPaymentNumbers, translator: Translator) -> Iterator[str]:
    report = answer.report
    facts = {name: getattr(report, name) for name in _RECONCILIATION_COUNT_NAMES}
    if report.run_id is None:
        yield translator("cli.reconcile.dry_run")
    yield translator(
        "cli.reconcile.counts", provider=report.provider, first=report.from_day, last=report.to_day, **facts
    )
    if report.refused:
        yield translator("cli.reconcile.refused", n=report.refused)
    for difference in report.differences[:_MAX_LISTED_DIFFERENCES]:
        yield translator(
            f"cli.reconcile.{difference.verdict.value}",
            number=answer.get_payment_number(difference),
            ours=difference.ours,
            theirs=difference.theirs,
        )
    if len(report.differences) > _MAX_LISTED_DIFFERENCES:
        yield translator("cli.reconcile.more", n=len(report.differences) - _MAX_LISTED_DIFFERENCES)
    open_cases = sum(case.resolved_at is None for case in report.cases)
    if open_cases:
        yield translator("cli.reconcile.cases", n=open_cases)


COMMANDS: Mapping[str, Command] = {
    "reconcile": ServiceCommand(
        _run_reconciliation, _build_reconciliation_report_json, _format_reconciliation_report_lines
    )
}
