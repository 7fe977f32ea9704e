"""The command line: its options, arguments and usage errors."""

import argparse
from typing import Any

import pytest

from console.cli.main import _is_window_requested, _make_interruption_error
from console.cli.process.command_words import find_command_word
from console.cli.process.output import wants_json
from console.cli.process.parser import HelpRequest, parse_arguments
from console.domain.errors import ConsoleError
from tests.cli.process.test_help_pages import PARSERS

CORPORATION_NUMBER = "1180301018771"


def parse_words(*given: str) -> dict[str, Any]:
    """Return the parsed arguments of a command line, by name."""
    return vars(parse_arguments(given, lambda key: key))


def read_refusal(*given: str) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        parse_arguments(given, lambda key: key)
    assert (caught.value.code, caught.value.exit_status) == ("usage", 2)
    assert caught.value.detail["problem"]
    return caught.value


@pytest.mark.parametrize(
    ("words", "command", "has_window"),
    [
        ((), "", True),
        (("--json",), "", False),
        (("--json", "training", "--list"), "training", True),
        (("--json", "demo"), "demo", True),
        (("open", "--json"), "open", True),
        (("lookup", "open"), "lookup", False),
        (("--json", "find", "demo"), "find", False),
        (("--", "find", "demo"), "find", False),
        (("--version",), "", False),
    ],
)
def test_only_the_word_of_the_command_names_the_command(
    words: tuple[str, ...], command: str, has_window: bool
) -> None:
    """The command is the first word that isn't an option. Later words never count as a command with a window."""
    assert (find_command_word(words), _is_window_requested(words)) == (command, has_window)


def test_an_interrupted_search_for_a_command_word_has_no_unknown_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a second signal ends a search for the word `refund`, the error is `interrupted`, because a search has no
    effects. If it ends the command `refund`, the error is `outcome_unknown`."""
    monkeypatch.setattr("console.cli.main.interrupts.has_action_begun", lambda: True)
    for words, code in (
        (("find", "refund"), "interrupted"),
        (("--json", "refund", "approve", "1"), "outcome_unknown"),
    ):
        assert _make_interruption_error(words, KeyboardInterrupt()).code == code


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "lookup", CORPORATION_NUMBER),
        ("lookup", "--json", CORPORATION_NUMBER),
        ("lookup", CORPORATION_NUMBER, "--json"),
        ("lookup", "--json", "--", CORPORATION_NUMBER),
        ("--json", "lookup", "--", CORPORATION_NUMBER),
    ],
)
def test_the_option_json_is_accepted_before_and_after_the_command(words: tuple[str, ...]) -> None:
    """`--json` has the same effect before and after the command, also if the corporation number follows `--`."""
    assert wants_json(words)
    assert parse_words(*words) == {"json": True, "command": "lookup", "number": CORPORATION_NUMBER}


def test_arguments_after_a_double_dash_are_no_options() -> None:
    """After `--`, the parser reads even the text `--json` as the corporation number."""
    assert not wants_json(("lookup", "--", "--json"))
    assert parse_words("lookup", "--", "--json")["number"] == "--json"


@pytest.mark.parametrize(
    "words",
    [
        ("show", "credit-check", "--", "17"),
        ("show", "--json", "credit-check", "--", "17"),
        ("probe", "credit-check", "17"),
        ("refetch", "--pdf", "--", "17"),
        ("refetch", "17", "--pdf"),
        ("resolve", "--as", "error", "--evidence", "as they wrote", "credit-check", "--", "17"),
        ("resolve", "credit-check", "17", "--as", "error", "--evidence", "as they wrote"),
    ],
)
def test_an_id_may_follow_a_double_dash(words: tuple[str, ...]) -> None:
    """Ids are parsed as text. An id is accepted before the options, after the options, and after `--`."""
    assert parse_words(*words)["id"] == "17"


def test_purchase_takes_several_reasons_in_both_spellings() -> None:
    """`--reason 1 4` and `--reason 1 --reason 4` give the same reasons. In neither form does the parser take the
    corporation number for a reason.
    """
    for reasons in (("--reason", "1", "4"), ("--reason", "1", "--reason", "4")):
        rest = ("--client", "1", "--deal", "2", "--comment", "調査", "--renew")
        before = parse_words("purchase", *reasons, CORPORATION_NUMBER, *rest)
        after = parse_words("purchase", CORPORATION_NUMBER, *rest, *reasons)
        assert before == after
        assert (before["number"], before["reason"], before["deal"]) == (CORPORATION_NUMBER, [1, 4], 2)


def test_the_parser_keeps_amounts_reasons_and_ids_as_typed() -> None:
    """The parser returns amounts, reasons and ids as the typed texts; the services check them later. A reason may be
    a single digit.
    """
    arguments = parse_words("refund", "request", "--amount", "-5", "--reason", "1", "--intended-repeat", "--", "７")
    assert (arguments["payment"], arguments["amount"], arguments["reason"], arguments["intended_repeat"]) == (
        "７",
        "-5",
        "1",
        True,
    )
    declined = parse_words("refund", "reject", "--reason", "2", "9")
    assert (declined["action"], declined["id"], declined["reason"]) == ("reject", "9", "2")
    taken = parse_words("payment", "import", "--amount", "150.50", "--date", "2026-11-20", "atom", "--", "-ORD")
    assert (taken["provider"], taken["merchant_payment_id"], taken["amount"]) == ("atom", "-ORD", "150.50")
    assert (
        parse_words("resolve", "refund", "9", "--as", "completed", "--provider-id", "RFD-9")["provider_id"] == "RFD-9"
    )


@pytest.mark.parametrize(
    ("words", "problem_word"),
    [
        ((), "a command is needed"),
        (("--json",), "a command is needed"),
        (("look", CORPORATION_NUMBER), "invalid choice"),
        (("lookup",), "NUMBER"),
        (("lookup", CORPORATION_NUMBER, CORPORATION_NUMBER), "unrecognized"),
        (("purchase", CORPORATION_NUMBER), "--client"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "3"), "invalid choice"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--client", "2"), "--client: given twice"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "1", "--deal", "2"), "--deal: given twice"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--deal", "１"), "--deal: a whole number"),  # full width
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--reason", "1 "), "--reason: a whole number"),
        (("refund", "request", "5", "--amount", "1", "--amount", "9", "--reason", "x"), "--amount: given twice"),
        (("refund", "approve", "9", "--saw", "1", "--request-id", "a", "--saw", "2"), "--saw: given twice"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--reason", "7"), "invalid choice"),
        (("queue", "everything"), "invalid choice"),
        (("queue", "error", "--limit", "0"), "whole number"),
        (("queue", "error", "--limit", "５"), "whole number"),
        (("queue", "error", "--limit", "1_0"), "whole number"),
        (("queue", "error", "--limit", "9" * 40), "whole number"),
        (("refetch", "17", "--saw", "-1"), "whole number"),
        (("show", "person", "1"), "invalid choice"),
        (("resolve", "credit-check", "17", "--evidence", "text"), "--as"),
        (("audit",), "ACTION"),
        (("audit", "delete"), "invalid choice"),
        (("db", "drop"), "invalid choice"),
        (("worker", "--twice"), "unrecognized"),
        (("sandbox", "--port", "65536"), "whole number"),
        (("refund",), "ACTION"),
        (("refund", "pay", "9"), "invalid choice"),
        (("refund", "request", "5", "--amount", "1"), "--reason"),
        (("refund", "request", "5", "--reason", "x"), "--amount"),
        (("refund", "reject", "9"), "--reason"),
        (("refund", "approve", "9", "--saw", "x"), "whole number"),
        (("refund", "withdraw", "9", "--saw", "1"), "unrecognized"),
        (("payment", "import", "stripe", "ORD-1"), "invalid choice"),
        (("payment", "import", "paypay"), "MERCHANT_PAYMENT_ID"),
        (("refund", "request", "5", "--amount", "1", "--reason", "\udcff"), "not UTF-8"),
        (("lookup", "--js", CORPORATION_NUMBER), "unrecognized"),
        (("show", "operation", "\udcff"), "not UTF-8"),
        (("db", "backup", "a\0b"), "null character"),
        (("registry", "import", "whole.zip", "a\0b"), "null character"),
        (("queue", "error", "--filter", "a\0b"), "null character"),
        (("db", "backup", ""), "a name of a file"),
        (("registry", "import", "whole.zip", ""), "a name of a file"),
        (("documents", "save", "1", "--to="), "a name of a file"),
        (("reports", "close", "--day", "2026-11-20", "--provider", "atom", "--out="), "a name of a file"),
        (("audit", "verify", "--pack="), "a name of a file"),
        (("purchase", CORPORATION_NUMBER, "--client", "1", "--comment", "\udcff"), "not UTF-8"),
        (("db", "backup", " "), "a name of a file"),
        (("audit", "export", "\u3000"), "a name of a file"),
        (("refund", "approve", ""), "ID: a value is needed"),
        (("refund", "approve", " "), "ID: a value is needed"),
        (("show", "operation", "\u3000\t"), "ID: a value is needed"),
        (("alerts", "ack", "\u200b", "--note", "x"), "ID: a value is needed"),
        (("queue", "--view", " "), "--view: a value is needed"),
    ],
)
def test_an_unknown_word_is_a_usage_error_that_names_the_problem(words: tuple[str, ...], problem_word: str) -> None:
    """A command line with an unknown or wrong word is refused with a message about that problem alone, before the
    program reads any setting.
    """
    assert problem_word in str(read_refusal(*words).detail["problem"])


VALUE_NAMES_WITH_OWN_BLANK_RULE = frozenset(
    ("A", "COLUMN", "D", "FILE|TEXT", "KEYS", "LINK", "N", "NUMBER", "P", "T", "DIR", "FILE", "PACK", "TEXT")
)
"""Names of values in the help pages. A value of this name may be blank, which means that there is no value, or has a
rule of its own that refuses a blank text with a more exact reason."""
ARGUMENT_NAMES_WITH_OWN_BLANK_RULE = frozenset(("request_id", "client", "provider_id", "views save", "views rename"))
"""Arguments, and commands whose argument is the name of a saved view: each has a rule of its own that refuses a blank
text with a more exact reason."""


def test_every_argument_that_names_something_refuses_blanks() -> None:
    """Every argument that takes a name refuses a text of blanks. The test finds these arguments in the parser, so it
    also checks new ones.
    """
    accepting = [
        " ".join((*command, str(action.metavar)))
        for command, parser in PARSERS
        for action in parser._actions
        if action.nargs != 0
        and not action.choices
        and action.metavar not in VALUE_NAMES_WITH_OWN_BLANK_RULE
        and not ARGUMENT_NAMES_WITH_OWN_BLANK_RULE & {action.dest, " ".join(command)}
        and _accepts_blanks(action)
    ]
    assert accepting == []


def test_no_option_takes_two_hyphens_as_a_missing_value() -> None:
    """Every option refuses `--option=--`, which argparse before Python 3.13 stores as an empty list: an empty list in
    `read-only off --provider=--` would mean all providers."""
    options = [
        (parser, action)
        for _, parser in PARSERS
        for action in parser._actions
        if action.option_strings and action.nargs != 0
    ]
    assert options
    for parser, action in options:
        with pytest.raises(argparse.ArgumentError, match="expected one argument"):
            parser._get_values(action, ["--"])
    assert "--provider: expected one argument" in str(
        read_refusal("read-only", "off", "--provider=--", "--reason", "x").detail["problem"]
    )


def test_two_hyphens_after_two_hyphens_are_the_value_of_an_argument() -> None:
    """After `--`, a second `--` is the text of an argument, which the command then refuses; argparse before Python
    3.13 stores an empty list, at which a command would end by a bug."""
    assert parse_words("probe", "--", "credit-check", "--")["id"] == "--"
    refusal = read_refusal("limits", "set", "--", "per_refund", "JPY", "--")
    assert "argument N: a whole number" in str(refusal.detail["problem"])


def _accepts_blanks(action: argparse.Action) -> bool:
    try:
        action.type(" ") if callable(action.type) else None
    except argparse.ArgumentTypeError:
        return False
    return True


def test_a_usage_error_shows_how_the_command_is_written() -> None:
    """The detail of a usage error has the synopsis of the command (its options and arguments) on one line."""
    synopsis = read_refusal("queue", "everything").detail["usage"]
    options = "[--view VIEW] [--limit N] [--after CURSOR] [--filter TEXT] [--sort COLUMN] [--by-cause]"
    assert synopsis == f"support-console queue [-h] [--json] {options} [NAME]"


def test_a_long_pasted_text_is_not_repeated_in_the_refusal() -> None:
    """The refusal repeats at most 300 characters of an argument."""
    assert len(str(read_refusal("queue", "x" * 10_000_000).detail["problem"])) <= 300


def test_the_parser_passes_any_text_on_as_the_number() -> None:
    """The parser passes any pasted text on unchanged as the corporation number, such as ten megabytes of text, emoji
    and lone surrogates; a later rule refuses it.
    """
    for number in ("1" * 10_000_000, "🦊", "'; DROP TABLE x; --", "\udcff", "", "-5"):
        assert parse_words("lookup", "--", number)["number"] == number


@pytest.mark.parametrize(
    "words",
    [
        ("--help",), ("-h",), ("lookup", "--help"), ("audit", "list", "-h"),
        ("help",), ("--json", "help"), ("help", "lookup"), ("help", "audit", "list"),
    ],
)  # fmt: skip
def test_a_help_request_has_the_translated_text(words: tuple[str, ...]) -> None:
    """A request for help raises `HelpRequest` with the translated text, and prints nothing."""
    with pytest.raises(HelpRequest) as caught:
        parse_arguments(words, lambda key: f"«{key}»")
    assert caught.value.text.startswith("«cli.help.title.usage»: support-console")
    assert "«cli.help" in caught.value.text
