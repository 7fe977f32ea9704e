"""The layout of the help pages: the fixed words of a help page in the reader's language, and lines that fit in the
terminal."""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence

from console.cli.text_output.display_width import measure_display_width
from console.wording.sentences.japanese import is_japanese_letter

TranslateFunction = Callable[[str], str]
"""Type of a function that returns the text for a wording key, such as `cli.help.title.usage`, in the reader's
language.
"""


class HelpPageFormatter(argparse.HelpFormatter):
    """An argparse formatter that writes the heading of the synopsis in the reader's language. It wraps texts by the
    columns that they take in a terminal, where a wide East Asian character takes two columns. It can also wrap
    Japanese text, which has few spaces.
    """

    def __init__(self, prog: str, *, translate: TranslateFunction) -> None:
        super().__init__(prog)
        self._translate = translate

    def _format_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: "Iterable[argparse._MutuallyExclusiveGroup]",
        prefix: str | None,
    ) -> str:
        """Return the synopsis of the command with the heading `prefix` before it; None means the heading in the
        reader's language. The other arguments are those of argparse."""
        heading = f"{self._translate('cli.help.title.usage')}: " if prefix is None else prefix
        # argparse counts characters, not columns, so that it gets a blank heading of the same width.
        blank_heading = " " * measure_display_width(heading)
        return heading + super()._format_usage(usage, actions, groups, blank_heading).removeprefix(blank_heading)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap_text(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = wrap_text(text, width - measure_display_width(indent))
        return "\n".join(indent + line for line in lines)


def wrap_text(text: str, width: int) -> list[str]:
    """Return the text as lines of at most `width` columns. A line ends between words, in Japanese between phrases. A
    word that is wider than a line has a line of its own.
    """
    text = " ".join(text.split())
    pieces = _split_japanese_text(text) if any(map(is_japanese_letter, text)) else re.findall(r"\S+ ?", text)
    lines: list[str] = []
    for piece in pieces:
        if lines and measure_display_width(lines[-1] + piece.rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


def _split_japanese_text(text: str) -> Sequence[str]:
    # imported here, because an English page needs no rules of Japanese line breaks
    from console.wording.sentences.line_breaks import split_phrases

    return split_phrases(text)
