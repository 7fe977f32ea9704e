"""Rules of English text: a sentence that ends with a fact gets no second full stop if the fact itself ends with a
full stop."""

_FULL_STOPS = (".", "。")
_CLOSING_QUOTATION_MARK = "”"


def join_after_fact(text_before: str, text_after: str) -> str:
    """Return two pieces of an English sentence joined. `text_before` ends with a fact (the value of a placeholder),
    and `text_after` is the text of the sentence after the fact. If the fact ends with a full stop, such as a note
    that a person has typed in Japanese or English, the full stop that ends the sentence is left out, even if a
    closing quotation mark stands between the two full stops.
    """
    if not text_before.endswith(_FULL_STOPS):
        return text_before + text_after
    mark = _CLOSING_QUOTATION_MARK if text_after.startswith(_CLOSING_QUOTATION_MARK) else ""
    rest = text_after.removeprefix(mark)
    return (
        text_before + mark + rest.removeprefix(".")
        if rest == "." or rest.startswith(". ")
        else text_before + text_after
    )
