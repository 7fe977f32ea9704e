"""The command in a command line, found without building the parser."""

from collections.abc import Sequence


def find_command_position(arguments: Sequence[str]) -> int | None:
    """Return the position of the word that the parser takes as the command: the first one that isn't an option. The
    options before the command, such as `--json`, have no values. Return None if there is no such word.
    """
    return next((index for index, word in enumerate(arguments) if not word.startswith("-")), None)


def find_command_word(arguments: Sequence[str]) -> str:
    """Return the word that the parser takes as the command; "" if there is none. Later words, such as the text of a
    search, may equal the name of a command, so code must not search for a command among all words.
    """
    position = find_command_position(arguments)
    return "" if position is None else arguments[position]
