"""Builds the SQL condition of a search: every corporation that matches the query fulfils the condition, and few
others do.

The index finds up to a thousand rows of which few match. The condition compares the comparison forms in the
database (module `folded_texts`), so that only the texts of the remaining rows are read and ranked (module
`ranking`).

A comparison form isn't stored if it equals the text itself. So the condition searches the texts, too.
"""

from collections.abc import Sequence

from console.domain.lookup.registry_query import RegistryQuery, SearchWord

_MAX_WORDS = 8
"""Words of a text that the condition has. Few rows have so many words and not the others."""
_POST_CODE_DIGITS = 7
_NAME_COLUMNS = ("name", "furigana", "folded_names")


def make_filter_condition(query: RegistryQuery) -> tuple[str, dict[str, str]]:
    """Return the SQL condition for a query on a row `c` of the table `corporations` and its row `p` of `places`,
    and the values of its parameters by name.
    """
    values: dict[str, str] = {}
    groups = [
        _write_words(words, values) for words in ((query.whole,), query.words, query.pieces) if _has_texts(words)
    ]
    if query.digits:
        groups.append(_write_digits(query.digits, values))
    return f"({' OR '.join(groups) or '0'})", values


def _has_texts(words: Sequence[SearchWord]) -> bool:
    """False if there are no words, or if one of them consists of spaces and symbols only, so that no text matches."""
    return bool(words) and all(word.names and word.names[0] for word in words)


def _write_words(words: Sequence[SearchWord], values: dict[str, str]) -> str:
    return f"({' AND '.join(_write_word(word, values) for word in words[:_MAX_WORDS])})"


def _write_word(word: SearchWord, values: dict[str, str]) -> str:
    names = [_name_parameter(bare, values) for bare in dict.fromkeys(word.bare_names)]
    conditions = [f"instr(c.{column}, {name})" for name in names for column in _NAME_COLUMNS]
    if word.address:
        conditions.append(f"instr(p.folded || c.folded_street, {_name_parameter(word.address, values)})")
    if word.post_code:
        first, last = (_name_parameter(word.post_code.ljust(_POST_CODE_DIGITS, digit), values) for digit in "09")
        conditions.append(f"c.post_code BETWEEN CAST({first} AS INTEGER) AND CAST({last} AS INTEGER)")
    return f"({' OR '.join(conditions)})"


def _write_digits(digits: str, values: dict[str, str]) -> str:
    name = _name_parameter(digits, values)
    return " OR ".join(f"substr(printf('%013d', c.number), {start}, length({name})) = {name}" for start in (1, 2))


def _name_parameter(value: str, values: dict[str, str]) -> str:
    """Return the parameter for a value, which is added to the values."""
    name = f"v{len(values)}"
    values[name] = value
    return f":{name}"
