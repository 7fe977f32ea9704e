"""Tests which people the text of a note mentions: names typed after `@`, e-mail addresses, other scripts, invisible
characters."""

import pytest

from console.domain.annotations.mentions import NamesInNote, find_mentioned_names, find_unfinished_name

PEOPLE = ("op-a", "op-b", "lead-b", "lead-b.two", "山田", "Å.berg")
RIGHT_TO_LEFT_CHARACTER = "\u202e"
ISOLATE_CHARACTER = "\u2067"
ZERO_WIDTH_CHARACTER = "\u200b"


@pytest.mark.parametrize(
    ("text", "people", "unknown"),
    [
        ("@lead-b please look", ("lead-b",), ()),
        ("ask @LEAD-B, then (@op-b).", ("lead-b", "op-b"), ()),
        ("@lead-b @lead-b\n@Lead-b", ("lead-b",), ()),  # one mention for each person
        ("@lead-b.two and not the shorter name", ("lead-b.two",), ()),
        ("@lead-b... wait", ("lead-b",), ()),
        ("確認は@lead-bさんへ、@山田さん、＠ｏｐ－ｂ", ("lead-b", "山田", "op-b"), ()),
        (f"@{RIGHT_TO_LEFT_CHARACTER}lead-b {ISOLATE_CHARACTER}@op{ZERO_WIDTH_CHARACTER}-b", ("lead-b", "op-b"), ()),
        ("@op-a is the author", (), ()),
        ("me@lead-b.example, x_y+1@op-b, a@@op-b", (), ()),
        ("@lead-b.example @op-b@example.com @op-bx @op-b_1", (), ("lead-b.example", "op-b", "op-bx", "op-b_1")),
        ("@ @, @@ ＠ @🙂 @-", (), ()),
        ("🙂@lead-b🙂 @🙂op-b", ("lead-b",), ()),
        ("@nobody @nobody @" + "x" * 150, (), ("nobody", "x" * 64)),
        (" ".join(f"@n{number}" for number in range(10)), (), tuple(f"n{number}" for number in range(10))),
        ("@ÅBERG @Å.BERG @å.berg", ("Å.berg",), ("ÅBERG",)),
        ("", (), ()),
    ],
)
def test_a_note_mentions_known_people(text: str, people: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    """The example text mentions the expected known people, and names the expected unknown ones."""
    assert find_mentioned_names(text, PEOPLE, "op-a") == NamesInNote(people, unknown)


def test_a_note_mentions_every_named_person_but_its_author() -> None:
    """Every known person whom a note names is mentioned, except its author. If no people are known, all names but the
    author's are unknown.
    """
    names = tuple(f"op-{number}" for number in range(10))
    text = " ".join(f"@{name}" for name in names)
    assert find_mentioned_names(text, names, "op-3").people == tuple(name for name in names if name != "op-3")
    assert find_mentioned_names(text, (), "op-3") == NamesInNote((), tuple(name for name in names if name != "op-3"))


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("@", ""), ("see @le", "le"), ("＠山", "山"), ("@lead-b.t", "lead-b.t"),
        ("", None), ("no name", None), ("@lead-b ", None), ("me@le", None), ("@a\nb", None),
    ],
)  # fmt: skip
def test_the_beginning_of_a_typed_name_is_found(text: str, beginning: str | None) -> None:
    """While a person types a name after `@`, the typed beginning is returned for suggestions; None is returned if no
    name is being typed."""
    assert find_unfinished_name(text) == beginning
