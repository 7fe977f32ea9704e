"""Returns the sentences of an explanation as the screens show them, and checks that they are complete."""

from console.domain.explained_state import Explanation
from console.wording.sentences.catalogue import NO_VALUE, translate
from console.wording.sentences.explanations import format_reason


def make_sentences(explained: Explanation, language: str) -> tuple[str, str, str]:
    """Return the verdict, the reason and the next step of an explanation in this language."""

    def translate_key(key: str, /, **facts: object) -> str:
        return translate(key, language, **facts)

    return (
        translate_key(explained.verdict, **explained.facts),
        format_reason(explained, translate_key),
        translate_key(explained.next_step.code, **explained.next_step.facts),
    )


def check_sentences_complete(explained: Explanation, language: str) -> None:
    """Check that the verdict, the reason and the next step of an explanation each end with a full stop, and that no
    fact is missing in them.
    """
    for text in make_sentences(explained, language):
        assert text.rstrip().endswith(("。", ".", '"')), text
        assert NO_VALUE not in text, text
        assert "{" not in text, text
