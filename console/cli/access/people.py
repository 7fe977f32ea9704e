"""The commands `people list` (show people with their roles and their access), `people disable` (stop a person at
once) and `people enable`. With `people enable` one administrator requests to enable a person; the person is enabled
when another administrator runs the same command."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.records import format_instant_for_json
from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Translator
from console.wording.people_words import format_person_state

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.access.disabled_people import PersonAccess


def _list_people(console: "Console", _: Namespace, __: AnswerWriter) -> "tuple[PersonAccess, ...]":
    return console.disabled_people.list_people()


def _disable_person(console: "Console", args: Namespace, _: AnswerWriter) -> "PersonAccess":
    return console.disabled_people.disable(args.name, args.reason, request_id=args.request_id)


def _enable_person(console: "Console", args: Namespace, _: AnswerWriter) -> "PersonAccess":
    return console.disabled_people.enable(args.name, request_id=args.request_id)


def build_person_access_json(access: "PersonAccess", _translate: TranslateFunction) -> JsonObject:
    """Return a person with the state of the person's access as a JSON object. The field `awaiting` is `second_person`
    after one administrator has requested to enable the person and until another administrator requests it too;
    otherwise it is null."""
    disabling = access.disabling
    return {
        "name": access.person.name,
        "roles": sorted(access.person.roles),
        "may_buy": access.person.may_buy,
        "disabled_at": None if disabling is None else format_instant_for_json(disabling.since),
        "disabled_by": None if disabling is None else disabling.by,
        "reason": None if disabling is None else disabling.reason,
        "proposed_by": access.proposed_by,
        "awaiting": None if access.proposed_by is None else "second_person",
    }


def build_person_access_list_json(people: "Sequence[PersonAccess]", translate: TranslateFunction) -> JsonObject:
    """Return the answer of `people list` as a JSON object."""
    return {"people": [build_person_access_json(access, translate) for access in people]}


def format_person_access_list_lines(people: "Sequence[PersonAccess]", translator: Translator) -> Iterator[str]:
    """Yield the answer of `people list` as text, one line per person: the name, the roles, if the person is disabled,
    by whom and since when, the reason, and who has requested to enable the person."""
    yield from format_aligned_lines(_make_person_row(access, translator) for access in people)


def _make_person_row(access: "PersonAccess", translator: Translator) -> tuple[str, ...]:
    roles = translator("admin.roles", roles=sorted(access.person.roles))
    return access.person.name, roles, format_person_state(access, translator.language)


def format_person_access_lines(access: "PersonAccess", translator: Translator) -> Iterator[str]:
    """Yield the answer of `people disable` and `people enable` as text."""
    name = access.person.name
    if access.disabling is None:
        yield translator("cli.person.enabled", name=name)
    elif access.proposed_by is None:
        yield translator("cli.person.disabled", name=name)
    else:
        yield translator("cli.person.awaiting", name=name)


COMMANDS: Mapping[str, Command] = {
    "people list": ServiceCommand(_list_people, build_person_access_list_json, format_person_access_list_lines),
    "people disable": ServiceCommand(_disable_person, build_person_access_json, format_person_access_lines),
    "people enable": ServiceCommand(_enable_person, build_person_access_json, format_person_access_lines),
}
