"""The terminal's commands about alerts: what doesn't fit, and that somebody has seen it."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console import wording
from console.cli_json import Object, Say, instant
from console.cli_service import Command, OnService, row_id
from console.cli_text_records import GAP, Row, table
from console.cli_writer import Voice, Writer

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.worker_records import Alert


def _list(console: "Console", _: Namespace, __: Writer) -> "tuple[Alert, ...]":
    return console.alerts.list()


def _acknowledge(console: "Console", args: Namespace, _: Writer) -> "Alert":
    return console.alerts.acknowledge(row_id("alert", args.id), args.note)


def alert(one: "Alert", _: Say) -> Object:
    return {
        "id": one.id,
        "order_no": one.order_no,
        "rule_id": one.rule_id,
        "observed": one.observed,
        "expected": one.expected,
        "detected_at": instant(one.detected_at),
        "resolved_at": instant(one.resolved_at),
        "acknowledged_by": one.acknowledged_by,
    }


def alert_list(found: "Sequence[Alert]", say: Say) -> Object:
    return {"alerts": [alert(one, say) for one in found]}


def listed(found: "Sequence[Alert]", voice: Voice) -> Iterator[str]:
    """A line for each, and under it what was found and what was expected."""
    if not found:
        yield voice("alerts_screen.empty")
    for line, one in zip(table(_row(one, voice) for one in found), found, strict=True):
        yield line
        yield f"{GAP}{one.observed} → {one.expected}"


def _row(one: "Alert", voice: Voice) -> Row:
    about = one.order_no or f"{one.subject_kind} {one.subject_id}"
    return str(one.id), wording.format_instant(one.detected_at), _rule(one, voice), about, _state(one, voice)


def _rule(one: "Alert", voice: Voice) -> str:
    key = wording.rule_key(one.rule_id)
    return voice(key) if key else one.rule_id


def _state(one: "Alert", voice: Voice) -> str:
    if one.resolved_at is not None:
        return voice("alerts_screen.resolved_at", at=one.resolved_at)
    if one.acknowledged_by is not None:
        return voice("alerts_screen.seen_by", who=one.acknowledged_by)
    return voice("alerts_screen.open")


def acknowledged(one: "Alert", voice: Voice) -> Iterator[str]:
    yield voice("cli.acknowledged", id=one.id)
    yield from listed((one,), voice)


ALERT_COMMANDS: Mapping[str, Command] = {
    "alerts list": OnService(_list, alert_list, listed),
    "alerts ack": OnService(_acknowledge, alert, acknowledged),
}
