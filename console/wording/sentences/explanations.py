"""The reason of a record's explanation as text, for the window and the terminal."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.wording.sentences.formats import join_sentences

if TYPE_CHECKING:
    from console.domain.explained_state import Explanation


def format_reason(explanation: "Explanation", translate: Callable[..., str]) -> str:
    """Return the reason of the explanation's verdict, followed by its further sentence, if it has one."""
    codes = filter(None, (explanation.why, explanation.further_reason))
    return join_sentences((translate(code, **explanation.facts) for code in codes), translate)
