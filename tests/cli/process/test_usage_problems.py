"""The messages of wrong command lines, in the language of the command."""

import json

import pytest

from console.cli.process.usage_problems import format_usage_problem
from console.cli.text_output.translator import Translator
from tests.cli.conftest import Terminal
from tests.cli.process.test_parser import CORPORATION_NUMBER, read_refusal

COMMAND_LINES = (
    (),
    ("look", CORPORATION_NUMBER),
    ("lookup",),
    ("lookup", CORPORATION_NUMBER, CORPORATION_NUMBER),
    ("lookup", "--json=1", CORPORATION_NUMBER),
    ("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "3"),
    ("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "x"),
    ("purchase", CORPORATION_NUMBER, "--client", "1", "--client", "2"),
    ("purchase", CORPORATION_NUMBER, "--client", "1", "--comment", "\udcff"),
    ("db", "backup", ""),
    ("evidence", "payment/1", "--to", ""),
    ("replay", "a\0b"),
    ("queue", "everything"),
    ("queue", "error", "--limit", "５"),
    ("queue", "error", "--limit"),
    ("refund",),
    ("refund", "request", "5", "--amount", "1"),
    ("training", "--list", "--check"),
    ("refund", "approve", " "),
    ("read-only", "off", "--reason=--"),
    ("find", "x", "--prefecture", "99"),
)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_problem_of_the_parser_is_translated(line: tuple[str, ...]) -> None:
    """The Japanese sentence about a wrong command line contains no English words of the parser."""
    translator = Translator()
    translator.language = "ja"
    problem = str(read_refusal(*line).detail["problem"])
    text = format_usage_problem(problem, translator)
    assert text != problem
    assert not any(word in text for word in ("argument", "choose", "invalid", "required", "needed", "expected"))


def test_a_text_that_is_no_parser_problem_is_returned_unchanged() -> None:
    """The translation returns a text unchanged if it is no message of the parser, for example because it is already
    translated.
    """
    assert format_usage_problem("画面がありません", Translator()) == "画面がありません"


def test_the_message_is_translated_and_the_detail_is_not(terminal: Terminal) -> None:
    """People read the problem in their language; programs get the parser's text in the detail."""
    error = json.loads(terminal("--json", "queue", "everything", LANGUAGE="ja").out)["error"]
    assert "NAME に everything は指定できません" in error["message"]
    assert error["detail"]["problem"].startswith("argument NAME: invalid choice: 'everything'")
