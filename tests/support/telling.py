"""What people are told of a record, read as they read it."""

from console.domain.results import Explanation
from console.wording import NOTHING, say


def sentences(explained: Explanation, language: str) -> tuple[str, str, str]:
    """What it is, why, what next."""
    step = explained.next_step
    return (
        say(explained.verdict, language, **explained.facts),
        say(explained.why, language, **explained.facts),
        say(step.code, language, **step.facts),
    )


def require_whole(explained: Explanation, language: str) -> None:
    """Each sentence is there to its end, with every fact that it names."""
    for text in sentences(explained, language):
        assert text.rstrip().endswith(("。", ".", '"')), text
        assert NOTHING not in text, text
        assert "{" not in text, text
