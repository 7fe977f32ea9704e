"""Tests of the table that names the module of each command."""

from argparse import Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator

import pytest

from console.cli.command_table import MODULE_BY_COMMAND_WORDS, make_command
from console.cli.process import parser as command_parser


def list_command_lines(parser: ArgumentParser) -> Iterator[Namespace]:
    """Yield the arguments `command` and `action` of each command that the parser knows, and no others."""
    for name, command_parser_of_name in _list_subparsers(parser):
        actions = [
            inner.get_default("action") or action
            for action, group in _list_subparsers(command_parser_of_name)
            for inner in [parser for _, parser in _list_subparsers(group)] or [group]
        ]
        for action in actions or [None]:
            yield Namespace(command=name, action=action)


def _list_subparsers(parser: ArgumentParser) -> list[tuple[str, ArgumentParser]]:
    actions: list[Action] = parser._actions
    return [
        (name, subparser)
        for action in actions
        if isinstance(action, _SubParsersAction)
        for name, subparser in action.choices.items()
    ]


ALL_COMMAND_LINES = [
    args
    for names, _ in command_parser._PARSER_BUILDERS_BY_COMMAND_NAMES
    for args in list_command_lines(command_parser._build_parser(command_parser._omit_help_text, [names[0]]))
]


def format_words(args: Namespace) -> str:
    return f"{args.command} {args.action or ''}".strip()


@pytest.mark.parametrize("args", ALL_COMMAND_LINES, ids=format_words)
def test_each_command_of_the_parser_is_found_in_its_module(args: Namespace) -> None:
    """For each command that the parser knows, `make_command` loads its module and returns an object that can be
    run."""
    assert callable(make_command(args, lambda words: 0).run)


def test_the_table_names_no_unknown_command() -> None:
    """The table names only words that the parser knows as a command or as the first word of several commands."""
    known_words = {word for args in ALL_COMMAND_LINES for word in (args.command, format_words(args))}
    assert set(MODULE_BY_COMMAND_WORDS) <= known_words
