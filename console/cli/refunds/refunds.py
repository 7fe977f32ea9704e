"""The commands `refund …`: request, approve, reject or withdraw a refund."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Lines, Translator
from console.domain.payments.records import Refund, RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import WorkReason

if TYPE_CHECKING:
    from console.app import Console

RefundServiceCall = Callable[["Console", Namespace, AnswerWriter], Refund]
"""Type of a function that performs one action on a refund. It gets the services, the parsed arguments, and the writer
of the command's answer, and returns the refund after the action.
"""


def _request_refund(console: "Console", args: Namespace, _: AnswerWriter) -> Refund:
    request = RefundRequest(
        payment_id=parse_row_id("payment", args.payment),
        amount=args.amount,
        reason=args.reason or "",
        reason_code=None if args.reason_code is None else RefundReason(args.reason_code),
        intended_repeat=args.intended_repeat,
        ticket=args.ticket,
        saw=args.saw,
    )
    return console.refunds.request(request, request_id=args.request_id)


def _approve_refund(console: "Console", args: Namespace, writer: AnswerWriter) -> Refund:
    """Approve a refund, and return the refund in its new state. If the refund needs no further approval and has no
    cooling-off period, the service also sends it; the command shows the steps of the sending as progress."""

    def show_progress(step: str) -> None:
        writer.show_progress("sending" if step == "asking" else step)

    id = parse_row_id("refund", args.id)
    return console.refunds.approve(id, expected_version=args.saw, progress=show_progress, request_id=args.request_id)


def _reject_refund(console: "Console", args: Namespace, _: AnswerWriter) -> Refund:
    id = parse_row_id("refund", args.id)
    return console.refunds.reject(id, args.reason, expected_version=args.saw, request_id=args.request_id)


def _withdraw_refund(console: "Console", args: Namespace, _: AnswerWriter) -> Refund:
    return console.refunds.withdraw(parse_row_id("refund", args.id), request_id=args.request_id)


def _format_changed_refund_lines(record: Refund, translator: Translator) -> Iterator[str]:
    """Yield a refund as text after the command that changed it: its state, the number of approvals it still needs,
    the time at which it will be sent, and its explanation."""
    yield translator(f"cli.refund.{record.state.value}", id=record.id)
    # At least one: the approval of somebody who is no approver any more doesn't count.
    missing_checkers = max(record.checkers_needed - len(record.checkers), 1)
    if record.state.value == "requested":
        yield translator("cli.refund.checkers", n=missing_checkers, by=record.decide_by)
    if record.state.value == "approved" and record.work.reason == WorkReason.COOLING_OFF:
        yield translator("cli.refund.sends_after", at=record.cooling_off_end)
    yield from cli_text.format_explained_record(record, translator)


def _make_refund_command(call_service: RefundServiceCall) -> Command:
    build_json: Callable[[Refund, cli_json.TranslateFunction], cli_json.JsonObject] = cli_json.build_record_json
    format_lines: Callable[[Refund, Translator], Lines] = _format_changed_refund_lines
    return ServiceCommand(call_service, build_json, format_lines)


COMMANDS: Mapping[str, Command] = {
    "refund request": _make_refund_command(_request_refund),
    "refund approve": _make_refund_command(_approve_refund),
    "refund reject": _make_refund_command(_reject_refund),
    "refund withdraw": _make_refund_command(_withdraw_refund),
}
