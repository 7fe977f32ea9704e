"""The commands `mentions list` and `mentions done`: list the notes that mention the acting person, and mark one as
done.
"""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.records import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.annotations.mentions import MENTION_KIND, Mention
from console.domain.links.link import Link, format_link

if TYPE_CHECKING:
    from console.app import Console


def _list_mentions(console: "Console", _: Namespace, __: AnswerWriter) -> tuple[Mention, ...]:
    return console.mentions.list_open_mentions()


def _mark_mention_done(console: "Console", args: Namespace, _: AnswerWriter) -> Mention:
    return console.mentions.mark_done(parse_row_id(MENTION_KIND, args.id), request_id=args.request_id)


def _build_mention_json(mention: Mention, translate: TranslateFunction) -> JsonObject:
    """Return a mention as a JSON object; `kind` and `record` are kind and id of the record that has the note."""
    note = mention.note
    return {
        **build_attributes_json(mention, ("id", "person", "at", "done_at", "how"), translate, how=mention.source),
        "kind": note.kind,
        "record": note.subject_id,
        "note": note.words,
        "author": note.person,
        "link": format_link(Link("record", str(note.subject_id), note.kind)),
    }


def _build_mention_list_json(mentions: Sequence[Mention], translate: TranslateFunction) -> JsonObject:
    return {"mentions": [_build_mention_json(mention, translate) for mention in mentions]}


def _format_mention_list_lines(mentions: Sequence[Mention], translator: Translator) -> Lines:
    if not mentions:
        return [translator("mention.none")]
    return format_aligned_lines(
        (
            str(mention.id),
            f"{translator(f'kind.{mention.note.kind}')} {mention.note.subject_id}",
            translator.format_short_instant(mention.at),
            mention.note.person,
            translator(f"mention.how.{mention.source}"),
            " ".join(mention.note.words.split()),
        )
        for mention in mentions
    )


def _format_done_mention_lines(mention: Mention, translator: Translator) -> Lines:
    return [translator("mention.is_done", id=mention.id)]


COMMANDS: Mapping[str, Command] = {
    "mentions list": ServiceCommand(_list_mentions, _build_mention_list_json, _format_mention_list_lines),
    "mentions done": ServiceCommand(_mark_mention_done, _build_mention_json, _format_done_mention_lines),
}
