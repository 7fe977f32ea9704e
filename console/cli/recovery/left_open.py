"""The command `unfinished`: list the work that the acting person has begun, taken or requested and that has not
ended."""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from console.cli.json_output.records import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.recovery.left_open import LeftOpen
from console.wording import audit_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_LEFT_OPEN_FIELDS = ("reason", "kind", "id", "since", "until", "name", "link")


class _LeftOpenList(NamedTuple):
    """The work that the acting person has left open. `number_by_record` has the number that people use for each
    record of this work, by a text such as "payment 17"."""

    items: tuple[LeftOpen, ...]
    number_by_record: Mapping[str, str]


def _list_left_open(console: "Console", _: Namespace, __: AnswerWriter) -> _LeftOpenList:
    items = console.left_open.list_items(console.person_state.read_drafts())
    return _LeftOpenList(items, console.lookup.find_record_numbers({f"{item.kind} {item.id}" for item in items}))


def _build_left_open_json(left_open: _LeftOpenList, translate: TranslateFunction) -> JsonObject:
    return {"items": [build_attributes_json(item, _LEFT_OPEN_FIELDS, translate) for item in left_open.items]}


def _format_left_open_lines(left_open: _LeftOpenList, translator: Translator) -> Lines:
    if not left_open.items:
        return [translator("dialog.unfinished.own_empty")]
    return format_aligned_lines(
        (
            translator(item.wording_key, action=item.action),
            _format_left_open_subject(item, left_open.number_by_record, translator),
            translator.format_short_instant(item.since),
            translator("cli.unfinished.until", at=item.until) if item.until is not None else "",
            item.link or "",
        )
        for item in left_open.items
    )


def _format_left_open_subject(item: LeftOpen, number_by_record: Mapping[str, str], translator: Translator) -> str:
    number = number_by_record.get(f"{item.kind} {item.id}")
    if number is not None:
        return audit_words.format_record_reference(item.kind, item.id, translator.language, number)
    key = f"kind.{item.kind}"
    return f"{translator(key)} {item.id}" if wording.has_sentence(key) else item.name or item.id


COMMANDS: Mapping[str, Command] = {
    "unfinished": ServiceCommand(_list_left_open, _build_left_open_json, _format_left_open_lines)
}
