"""Remove invisible characters around a person's words before a desk sends them to a worker.

The services store the words without white space and invisible characters at both ends. A server compares the stored
words with the words in the desk request (`store/constraints/words_of_people.py`) and ignores only white space and
control characters: it doesn't know which other characters are invisible.
"""

from dataclasses import replace

from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.payments.records import RefundRequest
from console.domain.recovery.decision_reasons import StatedReason


def strip_typed_words(arguments: tuple[object, ...], typed_text_index: int | None) -> tuple[object, ...]:
    """Return the arguments of a command without invisible characters at both ends of the person's words.
    `typed_text_index` is the index of the argument with the words; None: the command has none.
    """
    if typed_text_index is None or typed_text_index >= len(arguments):
        return arguments
    return (
        *arguments[:typed_text_index],
        _strip_argument(arguments[typed_text_index]),
        *arguments[typed_text_index + 1 :],
    )


def _strip_argument(argument: object) -> object:
    match argument:
        case str():
            return _strip_text(argument)
        case StatedReason():
            return replace(argument, words=_strip_text(argument.words))
        case RefundRequest():
            ticket = None if argument.ticket is None else _strip_text(argument.ticket)
            return replace(argument, reason=_strip_text(argument.reason), ticket=ticket)
    return argument


def _strip_text(text: str) -> str:
    """Return the text without invisible characters at both ends. A text with only white space around its words is
    returned unchanged, because the server accepts it: desks of earlier versions send it, too, and a call that repeats
    their request id must have equal arguments."""
    words = strip_invisible_characters(text)
    return text if text.strip() == words else words
