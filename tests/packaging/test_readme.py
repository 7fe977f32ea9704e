"""Tests that the README names every command of the program."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.complete_parser import build_complete_parser

README_FILE = Path(__file__).resolve().parents[2] / "README.md"


def list_commands(parser: argparse.ArgumentParser, parent_words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command of the program with its subcommand, such as `refund approve`."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for name, inner in group.choices.items():
            yield from list_commands(inner, (*parent_words, name))
    if parent_words and not groups:
        yield " ".join(parent_words)


@pytest.mark.parametrize("command", list(list_commands(build_complete_parser(str))))
def test_the_readme_names_every_command(command: str) -> None:
    assert re.search(rf"^\| .*`{re.escape(command)}[` ].*\|$", README_FILE.read_text("utf-8"), re.MULTILINE), command
