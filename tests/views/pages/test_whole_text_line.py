"""Tests of the line that shows the whole texts which a table cuts off."""

from console.views.audit.page import AuditPage
from console.views.pages.whole_text_line import WholeTextLine
from console.views.records.tabs import RecordTabs
from tests.views.invented_checks import make_window_context


def test_the_lists_of_audit_entries_show_a_cut_person_and_a_cut_sentence(appearance: object) -> None:
    """The line below the audit trail, and below a record's audit entries, is made for the column of the person as
    well as for that of the sentence."""
    context = make_window_context()
    tabs = RecordTabs(context, (), min_row_count=2)
    for widget in (AuditPage(context), tabs):
        (line,) = widget.findChildren(WholeTextLine)
        assert [line.get_text(key) for key in ("who", "what")] == ["", ""]
