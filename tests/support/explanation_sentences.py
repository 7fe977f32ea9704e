"""Returns the sentences of an explanation as the screens show them, and checks that they are complete."""

from console.domain.service_results import Explanation
from console.wording.sentences.catalogue import NO_VALUE, translate


def make_sentences(explained: Explanation, language: str) -> tuple[str, str, str]:
    """Return the verdict, the reason and the next step of an explanation in this language."""
    step = explained.next_step
    return (
        translate(explained.verdict, language, **explained.facts),
        translate(explained.why, language, **explained.facts),
        translate(step.code, language, **step.facts),
    )


def check_sentences_complete(explained: Explanation, language: str) -> None:
    """Check that the verdict, the reason and the next step of an explanation each end with a full stop, and that no
    fact is missing in them.
    """
    for text in make_sentences(explained, language):
        assert text.rstrip().endswith(("。", ".", '"')), text
        assert NO_VALUE not in text, text
        assert "{" not in text, text
