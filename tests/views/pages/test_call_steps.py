"""Tests of the steps of a call: the window shows which steps are complete, which failed, and which are still
running.
"""

from console.views.pages.call_steps import ReachedStep, make_step_lines
from tests.views.invented_checks import NOW, make_window_context

STEPS = tuple(ReachedStep(code, NOW) for code in ("asking", "answered", "detail", "pdf"))


def test_a_running_call_shows_its_present_step() -> None:
    lines = make_step_lines(make_window_context(), STEPS)
    assert [line.action_text for line in lines] == [
        "Sent to AlarmBox", "Answer received", "Detail fetched", "Fetching the PDF...",
    ]  # fmt: skip


def test_a_part_that_is_missing_after_the_end_has_no_tick() -> None:
    lines = make_step_lines(make_window_context(), STEPS, has_ended=True, failed_codes={"pdf"})
    assert [(line.icon_name, line.action_text) for line in lines[2:]] == [
        ("check", "Detail fetched"), ("cross", "The PDF could not be fetched"),
    ]  # fmt: skip
