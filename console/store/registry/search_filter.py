"""Builds the SQL filter of a search: a condition that every matching corporation fulfils, but few other corporations.

A search reads up to a thousand rows of the search index, but few of them match. The filter compares the comparison
forms in the database (module `folded_texts`). So the program reads and ranks the texts of only the remaining rows
(module `ranking`). The comparison form of a name or furigana isn't stored if it equals the text itself, so the filter
also searches these texts.
"""

from collections.abc import Sequence

from console.domain.lookup.registry_query import RegistryQuery, SearchWord

_MAX_WORDS = 8
"""Largest number of words of the query that the condition compares. Few rows contain so many of the words without the
others."""
_POST_CODE_DIGITS = 7
_NAME_COLUMNS = ("name", "furigana", "folded_names")


def make_filter_condition(query: RegistryQuery) -> tuple[str, dict[str, str]]:
    """Return the SQL condition for a query, and the values of its parameters by name. The condition is about a row
    `c` of the table `corporations` and its row `p` of the table `places`."""
    values: dict[str, str] = {}
    groups = [
        _make_words_condition(words, values)
        for words in ((query.whole_name,), query.words, query.script_pieces)
        if _have_all_words_searchable_text(words)
    ]
    if query.digits:
        groups.append(_make_number_condition(query.digits, values))
    return f"({' OR '.join(groups) or '0'})", values


def _have_all_words_searchable_text(words: Sequence[SearchWord]) -> bool:
    """True if there are words and the comparison form of each word has characters. The comparison form of a word of
    spaces and symbols only is empty, so that no text matches this word."""
    return bool(words) and all(word.names and word.names[0] for word in words)


def _make_words_condition(words: Sequence[SearchWord], values: dict[str, str]) -> str:
    """Return the SQL condition that a corporation has each of the first _MAX_WORDS words. The function adds the
    parameters of the condition to `values`."""
    return f"({' AND '.join(_make_word_condition(word, values) for word in words[:_MAX_WORDS])})"


def _make_word_condition(word: SearchWord, values: dict[str, str]) -> str:
    """Return the SQL condition that a name, the address or the post code of a corporation matches the word. The
    function adds the parameters of the condition to `values`."""
    names = [_add_parameter(bare_name, values) for bare_name in dict.fromkeys(word.bare_names)]
    conditions = [f"instr(c.{column}, {name})" for name in names for column in _NAME_COLUMNS]
    if word.address:
        conditions.append(f"instr(p.folded || c.folded_street, {_add_parameter(word.address, values)})")
    if word.post_code:
        first, last = (_add_parameter(word.post_code.ljust(_POST_CODE_DIGITS, digit), values) for digit in "09")
        conditions.append(f"c.post_code BETWEEN CAST({first} AS INTEGER) AND CAST({last} AS INTEGER)")
    return f"({' OR '.join(conditions)})"


def _make_number_condition(digits: str, values: dict[str, str]) -> str:
    """Return the SQL condition that the corporation number begins with `digits`, with or without its check digit. The
    function adds the parameters of the condition to `values`."""
    name = _add_parameter(digits, values)
    return " OR ".join(f"substr(printf('%013d', c.number), {start}, length({name})) = {name}" for start in (1, 2))


def _add_parameter(value: str, values: dict[str, str]) -> str:
    """Add a value to the parameters `values`, and return its placeholder in SQL, such as `:v0`."""
    name = f"v{len(values)}"
    values[name] = value
    return f":{name}"
