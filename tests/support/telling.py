"""Returns the sentences about a record as people read them."""

from console.domain.service_results import Explanation
from console.wording.sentences.catalogue import NO_VALUE, translate


def sentences(explained: Explanation, language: str) -> tuple[str, str, str]:
    """Return the verdict, the reason and the next step of an explanation in this language."""
    step = explained.next_step
    return (
        translate(explained.verdict, language, **explained.facts),
        translate(explained.why, language, **explained.facts),
        translate(step.code, language, **step.facts),
    )


def require_whole(explained: Explanation, language: str) -> None:
    """Check that each sentence of the explanation is complete and contains all of its facts."""
    for text in sentences(explained, language):
        assert text.rstrip().endswith(("。", ".", '"')), text
        assert NO_VALUE not in text, text
        assert "{" not in text, text
