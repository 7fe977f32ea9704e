"""Line breaks of Japanese text: a line may end between phrases (bunsetsu), never inside a word or a number.

Qt may end a line between any two Japanese letters. For the text of a label, `keep_phrases_whole` prevents such line
breaks inside phrases with invisible characters, except in phrases that are too long for a line. Qt never ends a line
inside a Latin word; for words that are too long, `allow_breaks_in_long_words` adds invisible characters at which Qt
may end a line. The invisible characters are only for texts on the screen: no text that is copied, exported, spoken or
compared contains them.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from console.wording.sentences.japanese import JAPANESE_LETTER_RANGES

if TYPE_CHECKING:
    from budoux.parser import Parser

WORD_JOINER = "\N{WORD JOINER}"
POSSIBLE_BREAK = "\N{ZERO WIDTH SPACE}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

JAPANESE_LETTER_PATTERN = re.compile(rf"[{JAPANESE_LETTER_RANGES}]")
_LATIN_CHARACTER_PATTERN = re.compile(r"[ -~¥₹−]")
_HIRAGANA_LETTER_PATTERN = re.compile(r"[ぁ-ゖ]")
# One space between a Japanese and another letter: the model was trained on text without it.
_SPACE_NEXT_TO_JAPANESE_PATTERN = re.compile(
    rf"(?<=[{JAPANESE_LETTER_RANGES}])[ \xa0](?=\S)|(?<=\S)[ \xa0](?=[{JAPANESE_LETTER_RANGES}])"
)
_OPENING_BRACKETS = "（「"
_CHARACTERS_NOT_AT_LINE_START = "）」、。，．…ー々っゃゅょァィゥェォッャュョ・／:%"
_PHRASE_END_CHARACTERS = "、。・／→ \n"
# Words in which the model finds an end: second parts of compounds after hiragana, particles of two words, なし.
_UNSPLIT_WORD_PATTERN = re.compile(
    r"[ぁ-ゖ][済中後前先額者込]|として|としては|という|その他|なし|ごと|[ぁ-ゖ](?:まま|ため)"
)
# Adverbs without hiragana: a phrase may end after them though kanji or katakana follow.
_ADVERBS_WITHOUT_HIRAGANA = ("再度", "毎回", "最近", "長時間", "現在")
# A key or a symbol in brackets stays with its word, such as in 状態確認（P）.
_SHORT_TEXT_IN_BRACKETS_PATTERN = re.compile(r"（[^）]{1,2}）")
# A long number or name of a variable may stand on another line than the noun before it.
_LONG_LATIN_TEXT_PATTERN = re.compile(r"[!-~¥₹\xa0]{9,}")
# A longer phrase has no room in a dialog at 200 % text size: a name, or a line that a person has typed.
MAX_WHOLE_PHRASE_LETTERS = 24
# The end of a sentence, such as します。, would look forgotten on a line of its own.
_SHORT_LAST_PHRASE_PATTERN = re.compile(r"[ぁ-ゖ]{1,4}。?")
_MAX_LETTERS_OF_JOINED_PHRASES = 12  # more would leave the line before them too short in a narrow panel
# A name such as support-console or op-a. A longer text with hyphens, such as an id, may need the line end after one.
_SHORT_LATIN_WORD_PATTERN = re.compile(r"(?<![!-~])[!-~]{3,23}(?![!-~])")
_HYPHEN_BEFORE_LETTER_PATTERN = re.compile(r"-(?=[A-Za-z])")
_UNBROKEN_LATIN_TEXT_PATTERN = re.compile(r"[!-~]{48,}")  # an address of the web, a line of a log
_PIECE_OF_LATIN_TEXT_PATTERN = re.compile(r"[!-~]{16}(?=[!-~])")


@lru_cache(maxsize=4096)
def keep_phrases_whole(text: str) -> str:
    """Return the text with a word joiner or a no-break space at each position where a line must not end. Between a
    Latin letter and a bracket that begins a phrase, insert an invisible space, because otherwise Qt would end no line
    there. A text without Japanese letters is returned unchanged."""
    if not JAPANESE_LETTER_PATTERN.search(text):
        return text
    marked = tuple(map(_keep_phrase_whole, split_phrases(text)))
    return marked[0] + "".join(
        POSSIBLE_BREAK * _is_latin_before_bracket(before, phrase) + phrase for before, phrase in pairwise(marked)
    )


def allow_breaks_in_long_words(text: str) -> str:
    """Return the text with an invisible space after every 16 characters of each Latin word of 48 or more characters,
    such as the address of a web page, because such a word is longer than a line."""
    return _UNBROKEN_LATIN_TEXT_PATTERN.sub(lambda word: allow_breaks_in_word(word.group()), text)


def allow_breaks_in_word(word: str) -> str:
    """Return the Latin word with an invisible space after every 16 characters, for a key that is longer than the
    line of a narrow panel."""
    return _PIECE_OF_LATIN_TEXT_PATTERN.sub(rf"\g<0>{POSSIBLE_BREAK}", word)


@lru_cache(maxsize=4096)
def split_phrases(text: str) -> tuple[str, ...]:
    """Return the phrases of a text. The spaces after a phrase belong to this phrase. A short last phrase in hiragana
    is joined with the phrase before it, so that it never stands alone on the last line."""
    if not text:
        return ()
    inner_spaces = {match.start() for match in _SPACE_NEXT_TO_JAPANESE_PATTERN.finditer(text)}
    kept_positions = [position for position in range(len(text)) if position not in inner_spaces]
    ends = [kept_positions[end] for end in _find_phrase_ends("".join(text[position] for position in kept_positions))]
    starts = [0, *ends]
    if (
        len(starts) > 1
        and len(text) - starts[-2] <= _MAX_LETTERS_OF_JOINED_PHRASES
        and _SHORT_LAST_PHRASE_PATTERN.fullmatch(text, starts[-1])
        and text[starts[-1] - 1] != "\n"
    ):
        starts.pop()
    return tuple(text[start:end] for start, end in pairwise([*starts, len(text)]))


def remove_line_break_marks(text: str) -> str:
    """Return the text of a label without the characters that `keep_phrases_whole` and `allow_breaks_in_long_words`
    have added."""
    return text.replace(WORD_JOINER, "").replace(POSSIBLE_BREAK, "").replace(NO_BREAK_SPACE, " ")


@cache
def _load_phrase_parser() -> "Parser":
    """Return the parser with the model of Japanese phrases. The program imports the parser only when it shows the
    first Japanese sentence, so that the start of the window isn't delayed."""
    from budoux.parser import load_default_japanese_parser

    return load_default_japanese_parser()


def _find_phrase_ends(text: str) -> Iterator[int]:
    """Yield the positions in a text at which one phrase ends and the next begins. The text must have no spaces next
    to Japanese letters."""
    end = 0
    phrase_ends = set()
    for phrase in _load_phrase_parser().parse(text):
        end += len(phrase)
        phrase_ends.add(end)
    phrase_ends -= {
        position for word in _UNSPLIT_WORD_PATTERN.finditer(text) for position in range(word.start() + 1, word.end())
    }
    for position in range(1, len(text)):
        if _may_phrase_end(text, position, is_found_by_parser=position in phrase_ends):
            yield position


def _may_phrase_end(text: str, position: int, *, is_found_by_parser: bool) -> bool:
    """Return True if a phrase may end before the letter `text[position]`. `is_found_by_parser` is True if the
    phrase parser has found an end there."""
    before, after = text[position - 1], text[position]
    if after in _CHARACTERS_NOT_AT_LINE_START or before in _OPENING_BRACKETS or after.isspace():
        return False
    if before in _PHRASE_END_CHARACTERS:
        return True
    if after == "（":
        return _SHORT_TEXT_IN_BRACKETS_PATTERN.match(text, position) is None
    is_japanese_before, is_japanese_after = (
        bool(JAPANESE_LETTER_PATTERN.match(before)),
        bool(JAPANESE_LETTER_PATTERN.match(after)),
    )
    if before == ":":
        return is_japanese_after
    if not is_japanese_before:
        return (
            is_japanese_after
            and is_found_by_parser
            and not before.isdigit()
            and not _HIRAGANA_LETTER_PATTERN.match(after)
        )
    if _HIRAGANA_LETTER_PATTERN.match(before):
        return is_found_by_parser or not (is_japanese_after or after in _OPENING_BRACKETS)
    if is_japanese_after:  # inside a compound of kanji and katakana, or before its particle
        return is_found_by_parser and text.endswith(_ADVERBS_WITHOUT_HIRAGANA, 0, position)
    return _LONG_LATIN_TEXT_PATTERN.match(text, position) is not None


def _is_latin_before_bracket(phrase: str, next_phrase: str) -> bool:
    """Return True if a Latin letter ends the phrase, and a bracket begins the next one."""
    return next_phrase[0] in _OPENING_BRACKETS and _LATIN_CHARACTER_PATTERN.match(phrase[-1]) is not None


def _keep_phrase_whole(phrase: str) -> str:
    """Return a phrase with joiners, so that no line ends inside the phrase. A phrase with more than
    MAX_WHOLE_PHRASE_LETTERS Japanese letters is too long for one line and is returned unchanged, so that Qt may end a
    line between any two of its letters.
    """
    is_too_long = len(JAPANESE_LETTER_PATTERN.findall(phrase)) > MAX_WHOLE_PHRASE_LETTERS
    return phrase if is_too_long else _insert_joiners_between_letters(phrase)


def _insert_joiners_between_letters(phrase: str) -> str:
    """Return a phrase with invisible characters, so that no line can end inside the phrase. Between two Latin
    letters, Qt's rules for Latin text stay in effect, but no line ends after the hyphen of a short word."""
    pieces = [phrase[:1]]
    for position in range(1, len(phrase)):
        before, after = phrase[position - 1], phrase[position]
        if after == " " and not phrase[position:].isspace():
            after = NO_BREAK_SPACE
        elif _needs_joiner_between(before, after):
            pieces.append(WORD_JOINER)
        pieces.append(after)
    return _SHORT_LATIN_WORD_PATTERN.sub(
        lambda word: _HYPHEN_BEFORE_LETTER_PATTERN.sub(f"-{WORD_JOINER}", word.group()), "".join(pieces)
    )


def _needs_joiner_between(letter_before: str, letter_after: str) -> bool:
    """Return True if the text needs a word joiner between these two letters, because Qt could end a line there.
    Return False for two Latin letters."""
    if letter_before.isspace() or letter_after.isspace() or letter_before in _OPENING_BRACKETS:
        return False
    if letter_after in _CHARACTERS_NOT_AT_LINE_START:
        return (
            letter_after == "／"
        )  # Unicode's line breaking has it as a letter (class ID), before which Qt may end a line
    return not (_LATIN_CHARACTER_PATTERN.match(letter_before) and _LATIN_CHARACTER_PATTERN.match(letter_after))
