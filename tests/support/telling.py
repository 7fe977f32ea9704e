"""The words about a record, as people read them."""

from console.domain.service_results import Explanation
from console.wording.sentences.catalogue import NO_VALUE, translate


def sentences(explained: Explanation, language: str) -> tuple[str, str, str]:
    """The verdict, the reason and the next step, in words."""
    step = explained.next_step
    return (
        translate(explained.verdict, language, **explained.facts),
        translate(explained.why, language, **explained.facts),
        translate(step.code, language, **step.facts),
    )


def require_whole(explained: Explanation, language: str) -> None:
    """Each sentence is there to its end, with every fact that it names."""
    for text in sentences(explained, language):
        assert text.rstrip().endswith(("。", ".", '"')), text
        assert NO_VALUE not in text, text
        assert "{" not in text, text
