"""Mentions: a note names a colleague by `@` and the name, and the program informs this colleague. No I/O.

Names are compared without regard to upper and lower case, to full-width characters (`＠ｏｐ－ａ`) and to invisible
characters such as marks of the writing direction. An `@` that directly follows an ASCII letter, a digit or one of the
characters `_%+@` is part of an e-mail address, so it mentions no person.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from console.domain.access.permissions import is_same_person

if TYPE_CHECKING:  # the list of the terminal's commands imports this module, and needs no notes
    from console.domain.tasks.records import Note

MENTION_KIND = "mention"
MAX_LISTED_MENTIONS = 200
"""Largest number of open mentions that are listed. If there are more, the newest are listed."""
_LONGEST_SHOWN_NAME_CHARACTERS = 64
"""Largest number of returned characters of a name that belongs to no person; further characters are cut off."""
_ADDRESS_CHARACTER_PATTERN = re.compile(r"[A-Za-z0-9_%+@]")
"""A character directly before an `@` which makes the text an e-mail address and not a mention."""
_NAME_CONTINUATION_PATTERN = re.compile(r"[._-]*[a-z0-9@]", re.IGNORECASE)
"""Characters directly after a name which show that the typed name is longer, or is an e-mail address."""
_TYPED_NAME_PATTERN = re.compile(r"[\w.-]*\w")
_UNFINISHED_NAME_PATTERN = re.compile(r"[\w.-]*\Z")


class MentionSource(StrEnum):
    """Source of a mention: an ordinary note (NOTE), or the note of a hand-over (HAND_OVER). The values are stored."""

    NOTE = "note"
    HAND_OVER = "hand_over"


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of `person` in the note `note`, which was written at the instant `at`. `done_at` is the time at which
    the person marked it as done; None while it is open. `source` states if the note is an ordinary one or that of a
    hand-over.
    """

    id: int
    person: str
    at: datetime
    note: "Note"
    done_at: datetime | None = None
    source: MentionSource = MentionSource.NOTE


@dataclass(frozen=True, slots=True)
class NamesInNote:
    """The names after `@` in the text of a note: names of known people (`people`), and names that no known person has
    (`unknown_names`, as typed, cut after 64 characters). Each name is listed once, in the order of the text.
    """

    people: tuple[str, ...] = ()
    unknown_names: tuple[str, ...] = ()


def find_mentioned_names(text: str, names: Collection[str], author: str) -> NamesInNote:
    """Return the names after `@` in the text of a note, without the name of its writer `author`. `names` are the
    names of the people who can be mentioned. The result has these names in the spelling of `names`, and unknown names
    as the writer typed them.
    """
    text, names_longest_first = _normalise_characters(text), sorted(names, key=len, reverse=True)
    mentioned_people: dict[str, None] = {}
    unknown_names: dict[str, None] = {}
    for start in _find_name_starts(text):
        name = next(
            (known_name for known_name in (*names_longest_first, author) if _is_name_at(text, start, known_name)),
            None,
        )
        match = _TYPED_NAME_PATTERN.match(text, start)
        if name is None and match is not None:
            unknown_names[match[0][:_LONGEST_SHOWN_NAME_CHARACTERS]] = None
        elif name is not None and not is_same_person(name, author):
            mentioned_people[name] = None
    return NamesInNote(tuple(mentioned_people), tuple(unknown_names))


def find_unfinished_name(text: str) -> str | None:
    """Return the beginning of a name that is being typed at the end of `text`, without the `@`; "" if the text ends
    with the `@`, None if it doesn't end with an unfinished name.
    """
    starts = list(_find_name_starts(text))
    return text[starts[-1] :] if starts and _UNFINISHED_NAME_PATTERN.match(text, starts[-1]) else None


def _normalise_characters(text: str) -> str:
    """Return the text with full-width characters replaced by normal ones, and without invisible characters (Unicode
    category Cf)."""
    return "".join(
        character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) != "Cf"
    )


def _find_name_starts(text: str) -> Iterator[int]:
    """Yield the positions after each `@` that isn't part of an e-mail address."""
    for place, character in enumerate(text):
        if character in "@＠" and not (place and _ADDRESS_CHARACTER_PATTERN.match(text[place - 1])):
            yield place + 1


def _is_name_at(text: str, start_index: int, name: str) -> bool:
    """True if the text has the name at the position `start_index`, and the next characters don't make it a longer
    name or an e-mail address."""
    end = start_index + len(name)
    return (
        bool(name) and is_same_person(text[start_index:end], name) and not _NAME_CONTINUATION_PATTERN.match(text, end)
    )
