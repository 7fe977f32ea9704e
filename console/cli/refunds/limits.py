"""The commands `limits list` (show the limits of refunds) and `limits set`. With `limits set` one administrator
proposes a value; the value becomes valid when another administrator runs the same command with the same value."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.payments.limits import Limit

_LIMIT_FIELDS = ("name", "currency", "value", "proposed", "proposed_by")


def _list_limits(console: "Console", _: Namespace, __: AnswerWriter) -> "tuple[Limit, ...]":
    return console.refund_limits.list_limits()


def _set_limit(console: "Console", args: Namespace, _: AnswerWriter) -> "Limit":
    return console.refund_limits.set_limit(args.name, args.currency, args.value, request_id=args.request_id)


def build_limit_json(limit: "Limit", translate: TranslateFunction) -> JsonObject:
    """Return a limit as a JSON object. The field `awaiting` is `second_person` while a second administrator must
    still agree to a proposed value, otherwise null."""
    awaited_step = None if limit.proposed is None else "second_person"
    return {**build_attributes_json(limit, _LIMIT_FIELDS, translate), "awaiting": awaited_step}


def build_limit_list_json(limits: "Sequence[Limit]", translate: TranslateFunction) -> JsonObject:
    """Return the answer of `limits list` as a JSON object: in `limits` the limits that have a value, in `not_set`
    those that have none."""
    return {
        "limits": [build_limit_json(limit, translate) for limit in limits if limit.value is not None],
        "not_set": [build_limit_json(limit, translate) for limit in limits if limit.value is None],
    }


def format_limit_list_lines(limits: "Sequence[Limit]", translator: Translator) -> Iterator[str]:
    """Yield the answer of `limits list` as text, one line per limit: its code and currency, which `limits set`
    expects, its name, its value with the unit, and a proposed value."""
    yield from format_aligned_lines(_make_limit_row(limit, translator) for limit in limits)


def _make_limit_row(limit: "Limit", translator: Translator) -> tuple[str, ...]:
    from console.wording.limit_words import format_limit_name

    proposal = (
        ""
        if limit.proposed is None
        else translator(
            "cli.limit.proposed", value=_format_limit_value(limit, limit.proposed, translator), who=limit.proposed_by
        )
    )
    return (
        limit.name,
        limit.currency,
        format_limit_name(limit.name, translator.language),
        _format_limit_value(limit, limit.value, translator),
        proposal,
    )


def _format_limit_value(limit: "Limit", value: int | None, translator: Translator) -> str:
    """Return `value`, a value of the limit, with its unit; "Not set" for None."""
    from console.wording.limit_words import format_limit_value

    if value is None:
        return translator("limit.not_set")
    return format_limit_value(limit.name, value, limit.currency, translator.language)


def format_limit_lines(limit: "Limit", translator: Translator) -> Iterator[str]:
    """Yield the answer of `limits set` as text: a sentence that the limit is set, or that it waits for a second
    person, and the limit itself.
    """
    yield translator("cli.limit.set" if limit.proposed is None else "dialog.limit.second")
    yield from format_limit_list_lines((limit,), translator)


COMMANDS: Mapping[str, Command] = {
    "limits list": ServiceCommand(_list_limits, build_limit_list_json, format_limit_list_lines),
    "limits set": ServiceCommand(_set_limit, build_limit_json, format_limit_lines),
}
