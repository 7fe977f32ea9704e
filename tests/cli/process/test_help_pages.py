"""The help pages: in the reader's language, complete, and no wider than the terminal."""

import argparse
import unicodedata
from collections.abc import Iterator

import pytest

from console.cli.process.parser import HelpRequest, parse_arguments
from console.cli.text_output.translator import Translator
from tests.support.complete_parser import build_complete_parser

LANGUAGES = ("en", "ja")


def find_parsers(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield the parser of each command, of each group and of the program itself, with the words of the command."""
    yield words, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from find_parsers(inner, (*words, name))


PARSERS = tuple(find_parsers(build_complete_parser(lambda key: key)))


def read_help(words: tuple[str, ...], language: str) -> str:
    translator = Translator()
    translator.language = language
    with pytest.raises(HelpRequest) as caught:
        parse_arguments((*words, "--help"), translator)
    return caught.value.text


def measure_width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def test_each_argument_has_a_help_text() -> None:
    """Each option and argument of each command has a help text; a new argument without one makes this test fail."""
    missing_texts = [
        " ".join((*words, *action.option_strings, str(action.metavar)))
        for words, parser in PARSERS
        for action in parser._actions
        if not action.help and not (isinstance(action, argparse._SubParsersAction) and action.choices)
    ]
    assert missing_texts == []


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_help_line_is_wider_than_the_terminal(
    language: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line of a help page is wider than the terminal. A wide East Asian character takes two columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    wide_lines = [
        line
        for words, _ in PARSERS
        for line in read_help(words, language).splitlines()
        if measure_width(line) > columns
    ]
    assert wide_lines == []


def test_a_japanese_page_has_no_words_of_the_parser() -> None:
    """`usage:`, the headings and the text of `--help` are in Japanese, on the page of each command."""
    for words, _ in PARSERS:
        page = read_help(words, "ja")
        assert page.startswith("使用方法: support-console"), page
        assert not any(
            text in page for text in ("usage:", "positional arguments", "options:", "show this help", "and exit")
        ), page


def test_headings_of_an_english_help_page_stay_in_english() -> None:
    page = read_help(("purchase",), "en")
    assert page.startswith("usage: support-console purchase")
    assert "\narguments:\n" in page
    assert "\noptions:\n" in page


def test_texts_are_wrapped_and_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of a wrapped text, joined again, equal the original text. This is tested with the text of
    `--request-id`."""
    monkeypatch.setenv("COLUMNS", "80")
    translator = Translator()
    for language in LANGUAGES:
        translator.language = language
        text = "".join(translator("cli.help.request_id").split())
        assert text in "".join(read_help(("purchase",), language).split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_synopsis_of_an_error_has_no_heading(language: str) -> None:
    """If a wrong command line also contains `--help`, the usage line in the error has no heading: it begins with the
    name of the program.
    """
    from console.domain.errors import ConsoleError

    translator = Translator()
    translator.language = language
    with pytest.raises(ConsoleError) as caught:
        parse_arguments(("queue", "everything", "--help"), translator)
    assert str(caught.value.detail["usage"]).startswith("support-console queue ")
