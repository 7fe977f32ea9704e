"""Translates the problems of a command line, which argparse reports in English, into the language of the command."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.cli.text_output.translator import Translator

_WORDING_KEY_BY_PROBLEM_PATTERN = {
    r"a command is needed": "usage_problem.command",
    r"the following arguments are required: (?P<names>.+)": "usage_problem.missing",
    r"one of these arguments is required: (?P<names>.+)": "usage_problem.one_of",
    r"unrecognized arguments: (?P<names>.+)": "usage_problem.unknown",
    r"argument (?P<name>\S+): invalid choice: (?P<value>.+?) \(choose from (?P<allowed>.+)\)": "usage_problem.choice",
    r"argument (?P<name>\S+): invalid choice: (?P<value>.+?)( \(choose from .*)?": "usage_problem.value",
    r"argument (?P<name>\S+): invalid \S+ value: (?P<value>.+)": "usage_problem.value",
    r"argument (?P<name>\S+): expected (one|at least one) argument": "usage_problem.no_value",
    r"argument (?P<name>\S+): given twice with different values": "usage_problem.twice",
    r"argument (?P<name>\S+): ignored explicit argument (?P<value>.+)": "usage_problem.surplus",
    r"argument (?P<name>\S+): not allowed with argument (?P<other>\S+)": "usage_problem.together",
    r"argument (?P<name>\S+): a whole number from (?P<least>\d+) to (?P<most>\d+) is needed": "usage_problem.number",
    r"argument (?P<name>\S+): a value is needed": "usage_problem.blank",
    r"argument (?P<name>\S+): a prefecture is needed, like 東京都 or 13": "usage_problem.prefecture",
    r"(?P<name>--\S+): a whole number is needed": "usage_problem.any_number",
    r"(?P<name>--\S+): an id of the provider is needed": "usage_problem.provider_id",
    r"(?P<name>--\S+): a day is needed, like 2026-11-20": "usage_problem.day",
    r"(?P<name>\S+): the text is not UTF-8": "usage_problem.not_utf8",
    r"(?P<name>\S+): the text contains a null character": "usage_problem.null_character",
    r"(?P<name>\S+): a name of a file or folder is needed": "usage_problem.no_path",
    r"evidence: either records, or --queue with an optional --filter": "usage_problem.evidence",
    r"a record is needed, like payment/12: (?P<value>.*)": "usage_problem.record",
}
"""Pairs of a pattern of the parser's English text and the wording key of the problem. The groups of the pattern are
the facts of the sentence.
"""


def format_usage_problem(problem: str, translator: "Translator") -> str:
    """Return the problem in the language of the command. If `problem` is none of the known English messages of
    argparse, for example because it is already translated, return it unchanged. A list of choices that
    `make_usage_error` has cut is left out.
    """
    for pattern, key in _WORDING_KEY_BY_PROBLEM_PATTERN.items():
        match = re.fullmatch(pattern, problem, re.DOTALL)
        if match is not None:
            return translator(
                key, **{name: value.replace("'", "").strip() for name, value in match.groupdict().items()}
            )
    return problem
