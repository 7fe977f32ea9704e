"""The terminal's `reconcile`: a provider's history beside ours, told as counts and cases."""

from argparse import Namespace
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from console.cli_json import Object, Say
from console.cli_json_records import instant
from console.cli_parser import usage
from console.cli_payments import day_of
from console.cli_service import OnService
from console.cli_writer import Voice, Writer

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.worker_records import Alert, Difference, ReconcileReport

_COUNTS = ("matched", "imported", "missing_there", "different_state", "different_amount")
_SHOWN = 50


def _reconcile(console: "Console", args: Namespace, _: Writer) -> "ReconcileReport":
    first, last = _needed(args.from_day, "--from"), _needed(args.to_day, "--to")
    return console.reconciliation.run(args.provider, first, last, dry_run=args.dry_run)


def _needed(text: str, option: str) -> date:
    day = day_of(text, option)
    if day is None:
        raise usage(f"{option}: a day is needed, like 2026-11-20")
    return day


def _data(report: "ReconcileReport", _: Say) -> Object:
    return {
        **{name: getattr(report, name) for name in _COUNTS},
        "cases": [_case(one) for one in report.cases],
        "refused": report.refused,
        "differences": [_difference(one) for one in report.differences],
        "provider": report.provider,
        "from": report.from_day.isoformat(),
        "to": report.to_day.isoformat(),
        "dry_run": report.run_id is None,
        "reconciliation": report.run_id,
        "evidence": report.evidence_id,
        "ended_at": instant(report.ended_at),
    }


def _case(one: "Alert") -> Object:
    return {
        "id": one.id, "order_no": one.order_no, "rule_id": one.rule_id, "observed": one.observed,
        "expected": one.expected, "detected_at": instant(one.detected_at), "resolved_at": instant(one.resolved_at),
        "acknowledged_by": one.acknowledged_by, "subject": {"kind": one.subject_kind, "id": one.subject_id},
    }  # fmt: skip


def _difference(one: "Difference") -> Object:
    return {"row": one.row_key, "verdict": one.verdict.value, "payment": one.payment_id, "ours": one.ours,
            "theirs": one.theirs}  # fmt: skip


def _lines(report: "ReconcileReport", voice: Voice) -> Iterator[str]:
    facts = {name: getattr(report, name) for name in _COUNTS}
    if report.run_id is None:
        yield voice("cli.reconcile.dry_run")
    yield voice("cli.reconcile.counts", provider=report.provider, first=report.from_day, last=report.to_day, **facts)
    if report.refused:
        yield voice("cli.reconcile.refused", n=report.refused)
    for one in report.differences[:_SHOWN]:
        yield voice(f"cli.reconcile.{one.verdict.value}", id=one.payment_id, ours=one.ours, theirs=one.theirs)
    if len(report.differences) > _SHOWN:
        yield voice("cli.reconcile.more", n=len(report.differences) - _SHOWN)
    open_ones = sum(one.resolved_at is None for one in report.cases)
    if open_ones:
        yield voice("cli.reconcile.cases", n=open_ones)


RECONCILE = OnService(_reconcile, _data, _lines)
