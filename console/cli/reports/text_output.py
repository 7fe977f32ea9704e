"""The reports as text. Each report has its title, a sentence that describes which records it counts, and its
figures."""

from collections.abc import Iterable, Iterator

from console.cli.text_output.translator import Translator
from console.domain.reports.figures import ReportFigures
from console.wording import reports as report_words


def format_figure_lines(figures: ReportFigures, translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `reports figures` as text."""
    language = translator.language
    parts: tuple[tuple[str, str, Iterable[str]], ...] = (
        (
            "success",
            report_words.format_provider_success_note(figures.success, language),
            report_words.format_provider_success_lines(figures.success, language),
        ),
        (
            "queue_ages",
            report_words.format_queue_age_note(figures.queue_ages, language),
            report_words.format_queue_age_lines(figures.queue_ages, language),
        ),
        (
            "refund_funnel",
            report_words.format_refund_funnel_note(figures.refund_funnel, language),
            report_words.format_refund_funnel_lines(figures.refund_funnel, language),
        ),
        (
            "settlement",
            report_words.format_settlement_note(figures.settlement, language),
            report_words.format_settlement_lines(figures.settlement, language),
        ),
        (
            "time_to_truth",
            report_words.format_time_to_truth_note(figures.time_to_truth, language),
            report_words.format_time_to_truth_lines(figures.time_to_truth, language),
        ),
    )
    for name, note, lines in parts:
        yield translator(f"reports.{name}.title")
        yield from (f"  {line}" for line in note.splitlines())
        yield from (f"  {line}" for line in lines)
