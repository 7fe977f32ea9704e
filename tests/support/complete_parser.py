"""The parser with all commands, of which the program itself builds only one group."""

import argparse
from collections.abc import Callable

from console.cli.process import parser as command_parser


def build_complete_parser(translate: Callable[[str], str]) -> "command_parser._CommandLineParser":
    """Return the parser of the program with all commands and their arguments. `translate` returns the text for a
    wording key."""
    (first_names, _), *other_groups = command_parser._PARSER_BUILDERS_BY_COMMAND_NAMES
    parser = command_parser._build_parser(translate, [first_names[0]])
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for _, add_commands in other_groups:
        add_commands(commands, translate)
    return parser
