"""The commands `read-only list` (show the read-only switches) and `read-only on|off` (set one)."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction, build_attributes_json
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Translator
from console.domain.access.read_only import EVERYTHING_SCOPE

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.access.read_only import ReadOnlySwitch

_READ_ONLY_SWITCH_FIELDS = ("scope", "is_on", "reason", "person", "at")


def _list_read_only_switches(console: "Console", _: Namespace, __: AnswerWriter) -> "tuple[ReadOnlySwitch, ...]":
    return console.read_only_switches.list_switches()


def _set_read_only_switch(console: "Console", args: Namespace, _: AnswerWriter) -> "ReadOnlySwitch":
    is_on, scope = args.action == "on", args.provider or EVERYTHING_SCOPE
    return console.read_only_switches.set_switch(scope, is_on, args.reason, request_id=args.request_id)


def build_read_only_switch_json(switch: "ReadOnlySwitch", translate: TranslateFunction) -> JsonObject:
    """Return a read-only switch as a JSON object."""
    return build_attributes_json(switch, _READ_ONLY_SWITCH_FIELDS, translate)


def build_read_only_switch_list_json(
    switches: "Sequence[ReadOnlySwitch]", translate: TranslateFunction
) -> JsonObject:
    """Return the answer of `read-only list` as a JSON object."""
    return {"switches": [build_read_only_switch_json(switch, translate) for switch in switches]}


def format_read_only_switch_list_lines(switches: "Sequence[ReadOnlySwitch]", translator: Translator) -> Iterator[str]:
    """Yield the answer of `read-only list` as text: one line per switch that is on, or a line that says that none
    is.
    """
    rows = [_make_read_only_switch_row(switch, translator) for switch in switches if switch.is_on]
    if rows:
        yield from format_aligned_lines(rows)
    else:
        yield translator("status.writes_on")


def format_read_only_switch_lines(switch: "ReadOnlySwitch", translator: Translator) -> Iterator[str]:
    """Yield the answer of `read-only on` and `read-only off` as text."""
    yield translator("cli.read_only.on" if switch.is_on else "cli.read_only.off", scope=switch.scope)
    if switch.is_on:
        yield from format_aligned_lines([_make_read_only_switch_row(switch, translator)])


def _make_read_only_switch_row(switch: "ReadOnlySwitch", translator: Translator) -> tuple[str, ...]:
    return (
        translator("cli.read_only.scope", scope=switch.scope),
        translator("cli.read_only.since", who=switch.person, at=switch.at),
        switch.reason,
    )


COMMANDS: Mapping[str, Command] = {
    "read-only list": ServiceCommand(
        _list_read_only_switches, build_read_only_switch_list_json, format_read_only_switch_list_lines
    ),
    "read-only on": ServiceCommand(_set_read_only_switch, build_read_only_switch_json, format_read_only_switch_lines),
    "read-only off": ServiceCommand(
        _set_read_only_switch, build_read_only_switch_json, format_read_only_switch_lines
    ),
}
