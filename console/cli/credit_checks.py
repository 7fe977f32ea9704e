"""The commands `purchase` and `refetch`, for credit checks."""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.json_output.purchases import PurchaseAnswer, build_purchase_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.registry import read_facts_and_warn_if_closed
from console.cli.text_output.translator import Lines, Translator
from console.domain.records import PurchaseRequest

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.service_results import RefetchResult


def _purchase_credit_check(console: "Console", args: Namespace, writer: AnswerWriter) -> PurchaseAnswer:
    facts = read_facts_and_warn_if_closed(console, args.number, writer)
    request = PurchaseRequest(
        corporation_number=args.number,
        client_id=args.client,
        deal=args.deal,
        reasons=tuple(args.reason),
        comment=args.comment,
        renew=args.renew,
    )
    record = console.credit_checks.purchase(request, writer.show_progress, request_id=args.request_id)
    return PurchaseAnswer(record, facts)


def _format_purchase_lines(answer: PurchaseAnswer, translator: Translator) -> Lines:
    from console.cli.text_output.results import format_purchase_lines  # an answer in JSON needs no text

    return format_purchase_lines(answer.record, translator)


def _refetch_credit_check(console: "Console", args: Namespace, writer: AnswerWriter) -> "RefetchResult":
    has_all_parts = args.detail == args.pdf
    detail, pdf = has_all_parts or args.detail, has_all_parts or args.pdf
    return console.credit_checks.refetch(
        parse_row_id("credit-check", args.id),
        detail=detail,
        pdf=pdf,
        expected_version=args.saw,
        progress=writer.show_progress,
        request_id=args.request_id,
    )


def _format_refetch_lines(result: "RefetchResult", translator: Translator) -> Lines:
    from console.cli.text_output.results import format_refetch_lines

    return format_refetch_lines(result, translator)


COMMANDS: Mapping[str, Command] = {
    "purchase": ServiceCommand(_purchase_credit_check, build_purchase_json, _format_purchase_lines),
    "refetch": ServiceCommand(_refetch_credit_check, cli_json.build_refetch_json, _format_refetch_lines),
}
