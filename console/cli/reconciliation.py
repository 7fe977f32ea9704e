"""The command `reconcile`: compare a provider's history with our records. Its answer contains the counts, the
differences and the cases.
"""

from argparse import Namespace
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from console.cli.alerts import alert_json
from console.cli.command import ServiceCommand
from console.cli.json_output.records import instant_json
from console.cli.json_output.results import JsonObject, Translate
from console.cli.output import AnswerWriter
from console.cli.parser import usage_error
from console.cli.payments import parse_day
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.tasks.records import Alert, Difference, ReconcileReport

_COUNT_NAMES = ("matched", "imported", "missing_there", "different_state", "different_amount")
_MAX_LISTED_DIFFERENCES = 50


def _run_reconciliation(console: "Console", args: Namespace, _: AnswerWriter) -> "ReconcileReport":
    first_day, last_day = _parse_required_day(args.from_day, "--from"), _parse_required_day(args.to_day, "--to")
    period = (args.provider, first_day, last_day)
    return console.reconciliation.run(*period, dry_run=args.dry_run, request_id=args.request_id)


def _parse_required_day(text: str, option: str) -> date:
    day = parse_day(text, option)
    if day is None:
        raise usage_error(f"{option}: a day is needed, like 2026-11-20")
    return day


def _report_json(report: "ReconcileReport", translate: Translate) -> JsonObject:
    return {
        **{name: getattr(report, name) for name in _COUNT_NAMES},
        "cases": [_case_json(item, translate) for item in report.cases],
        "refused": report.refused,
        "differences": [_difference_json(item) for item in report.differences],
        "provider": report.provider,
        "from": report.from_day.isoformat(),
        "to": report.to_day.isoformat(),
        "dry_run": report.run_id is None,
        "reconciliation": report.run_id,
        "evidence": report.evidence_id,
        "ended_at": instant_json(report.ended_at),
    }


def _case_json(case: "Alert", translate: Translate) -> JsonObject:
    return {**alert_json(case, translate), "subject": {"kind": case.subject_kind, "id": case.subject_id}}


def _difference_json(difference: "Difference") -> JsonObject:
    return {
        "row": difference.row_key,
        "verdict": difference.verdict.value,
        "payment": difference.payment_id,
        "ours": difference.ours,
        "theirs": difference.theirs,
    }


def _report_lines(report: "ReconcileReport", translator: Translator) -> Iterator[str]:
    facts = {name: getattr(report, name) for name in _COUNT_NAMES}
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
            id=difference.payment_id,
            ours=difference.ours,
            theirs=difference.theirs,
        )
    if len(report.differences) > _MAX_LISTED_DIFFERENCES:
        yield translator("cli.reconcile.more", n=len(report.differences) - _MAX_LISTED_DIFFERENCES)
    open_cases = sum(case.resolved_at is None for case in report.cases)
    if open_cases:
        yield translator("cli.reconcile.cases", n=open_cases)


RECONCILE_COMMAND = ServiceCommand(_run_reconciliation, _report_json, _report_lines)
