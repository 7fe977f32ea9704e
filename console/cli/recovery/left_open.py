"""The command `unfinished`: list what the acting person has begun, taken or requested and what has not ended."""

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.records import JsonObject, Translate, attributes_json
from console.cli.process.command import ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.recovery.left_open import LeftOpen
from console.wording import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_LEFT_OPEN_FIELDS = ("reason", "kind", "id", "since", "until", "name", "link")


def _list_left_open(console: "Console", _: Namespace, __: AnswerWriter) -> tuple[LeftOpen, ...]:
    return console.left_open.list_items(console.person_state.read_drafts())


def _build_left_open_json(items: Sequence[LeftOpen], translate: Translate) -> JsonObject:
    return {"items": [attributes_json(item, _LEFT_OPEN_FIELDS, translate) for item in items]}


def _format_left_open_lines(items: Sequence[LeftOpen], translator: Translator) -> Lines:
    if not items:
        return [translator("dialog.unfinished.own_empty")]
    return aligned_lines(
        (
            translator(f"left_open.{item.reason.value}"),
            _format_subject(item, translator),
            wording.format_instant(item.since, "short"),
            translator("cli.unfinished.until", at=item.until) if item.until is not None else "",
            item.link or "",
        )
        for item in items
    )


def _format_subject(item: LeftOpen, translator: Translator) -> str:
    key = f"kind.{item.kind}"
    return f"{translator(key)} {item.id}" if wording.has_sentence(key) else item.name or item.id


LEFT_OPEN_COMMAND = ServiceCommand(_list_left_open, _build_left_open_json, _format_left_open_lines)
