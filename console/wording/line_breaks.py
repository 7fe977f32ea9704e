"""Line breaks of Japanese text: a line may end between phrases (bunsetsu), never inside a word or a number.

Qt may end a line between any two Japanese letters. For a label, `keep_phrases_whole` forbids that inside phrases by
invisible characters. They belong on the screen alone: no text that is copied, exported, spoken or compared has them.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from console.wording.japanese import JAPANESE_LETTERS

if TYPE_CHECKING:
    from budoux.parser import Parser

WORD_JOINER = "\N{WORD JOINER}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

_JAPANESE_CHARACTER = re.compile(rf"[{JAPANESE_LETTERS}]")
_LATIN_CHARACTER = re.compile(r"[ -~¥₹−]")
_HIRAGANA_CHARACTER = re.compile(r"[ぁ-ゖ]")
# One space between a Japanese and another letter: the model knows text without it.
_INNER_SPACE = re.compile(rf"(?<=[{JAPANESE_LETTERS}])[ \xa0](?=\S)|(?<=\S)[ \xa0](?=[{JAPANESE_LETTERS}])")
_OPENING = "（「"
_NOT_AT_LINE_START = "）」、。，．…ー々っゃゅょァィゥェォッャュョ・／:%"
_ENDS_PHRASE = "、。・／→ \n"
# Words in which the model finds an end: second parts of compounds after hiragana, particles of two words, なし.
_WHOLE_WORDS = re.compile(r"[ぁ-ゖ][済中後前先額者込]|として|としては|という|その他|なし|ごと|[ぁ-ゖ](?:まま|ため)")
# Adverbs without hiragana: a phrase may end after them though kanji or katakana follow.
_ADVERBS = ("再度", "毎回", "最近", "長時間", "現在")
# A key or a symbol in brackets stays with its word, such as in 状態確認（P）.
_SHORT_NOTE = re.compile(r"（[^）]{1,2}）")
# A long number or name of a variable may stand on another line than the noun before it.
_LONG_NAME = re.compile(r"[!-~¥₹\xa0]{9,}")


@lru_cache(maxsize=4096)
def keep_phrases_whole(text: str) -> str:
    """Return the text with word joiners and no-break spaces wherever a line must not end. A text without Japanese
    letters is returned unchanged.
    """
    if not _JAPANESE_CHARACTER.search(text):
        return text
    return "".join(map(_join_letters, split_phrases(text)))


@lru_cache(maxsize=4096)
def split_phrases(text: str) -> tuple[str, ...]:
    """Split a text into its phrases, each with the spaces that follow it."""
    if not text:
        return ()
    inner_spaces = {match.start() for match in _INNER_SPACE.finditer(text)}
    places = [place for place in range(len(text)) if place not in inner_spaces]
    ends = [places[end] for end in _phrase_ends("".join(text[place] for place in places))]
    return tuple(text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True))


def remove_line_break_marks(text: str) -> str:
    """Return a text that was taken from a label as it was before `keep_phrases_whole`."""
    return text.replace(WORD_JOINER, "").replace(NO_BREAK_SPACE, " ")


@cache
def _phrase_parser() -> "Parser":
    """Return the model of Japanese phrases. It is imported and read with the first Japanese sentence, not before the
    first frame.
    """
    from budoux.parser import load_default_japanese_parser

    return load_default_japanese_parser()


def _phrase_ends(text: str) -> Iterator[int]:
    """Yield the places in a text, which has no spaces beside Japanese letters, where one phrase ends and another
    begins.
    """
    end = 0
    found = set()
    for phrase in _phrase_parser().parse(text):
        end += len(phrase)
        found.add(end)
    found -= {place for word in _WHOLE_WORDS.finditer(text) for place in range(word.start() + 1, word.end())}
    for place in range(1, len(text)):
        if _may_end(text, place, is_found=place in found):
            yield place


def _may_end(text: str, place: int, *, is_found: bool) -> bool:
    """Return True if a phrase may end before `text[place]`. `is_found` says whether the model found an end there."""
    before, after = text[place - 1], text[place]
    if after in _NOT_AT_LINE_START or before in _OPENING or after.isspace():
        return False
    if before in _ENDS_PHRASE:
        return True
    if after == "（":
        return _SHORT_NOTE.match(text, place) is None
    is_japanese_before, is_japanese_after = (
        bool(_JAPANESE_CHARACTER.match(before)),
        bool(_JAPANESE_CHARACTER.match(after)),
    )
    if before == ":":
        return is_japanese_after
    if not is_japanese_before:
        return is_japanese_after and is_found and not before.isdigit() and not _HIRAGANA_CHARACTER.match(after)
    if _HIRAGANA_CHARACTER.match(before):
        return is_found or not (is_japanese_after or after in _OPENING)
    if is_japanese_after:  # inside a compound of kanji and katakana, or before its particle
        return is_found and text.endswith(_ADVERBS, 0, place)
    return _LONG_NAME.match(text, place) is not None


def _join_letters(phrase: str) -> str:
    """Return a phrase in which no line can end. Between two Latin letters the rules of Latin text hold."""
    pieces = [phrase[:1]]
    for place in range(1, len(phrase)):
        before, after = phrase[place - 1], phrase[place]
        if after == " " and not phrase[place:].isspace():
            after = NO_BREAK_SPACE
        elif _needs_joiner(before, after):
            pieces.append(WORD_JOINER)
        pieces.append(after)
    return "".join(pieces)


def _needs_joiner(before: str, after: str) -> bool:
    """Return True if Qt may end a line between the two letters, one of which is no Latin letter."""
    if before.isspace() or after.isspace() or before in _OPENING or after in _NOT_AT_LINE_START:
        return False
    return not (_LATIN_CHARACTER.match(before) and _LATIN_CHARACTER.match(after))
