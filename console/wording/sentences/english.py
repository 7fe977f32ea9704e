"""Rules of English text: a sentence that ends with a fact gets no second full stop if the fact itself ends with a
full stop."""

_FULL_STOPS = (".", "。")
_CLOSING_QUOTATION_MARK = "”"


def join_after_fact(before: str, after: str) -> str:
    """Return two pieces of an English sentence joined. `before` ends with a fact (the value of a placeholder), and
    `after` is the text of the sentence after the fact. If the fact ends with a full stop, such as a note that a
    person has typed in Japanese or English, the full stop that ends the sentence is left out, also after a quotation
    mark.
    """
    if not before.endswith(_FULL_STOPS):
        return before + after
    mark = _CLOSING_QUOTATION_MARK if after.startswith(_CLOSING_QUOTATION_MARK) else ""
    rest = after.removeprefix(mark)
    return before + mark + rest.removeprefix(".") if rest == "." or rest.startswith(". ") else before + after
