"""Tests of a table that hides less important columns when it becomes too narrow."""

import pytest
from pytestqt.qtbot import QtBot

from console.views.pages.static_table import StaticTable
from console.views.tables.columns import AgeCell, CellKind, Column, StateCell, make_check_box_column
from console.views.theme.theme import Appearance
from tests.views.invented_checks import make_window_context

WIDTH_BY_COLUMN = {"since": 112, "record": 150, "who": 80, "next": 300}


@pytest.mark.parametrize(
    ("room", "visible_columns"),
    [(900, ["since", "record", "who", "next"]), (560, ["record", "who", "next"]), (300, ["record", "next"])],
)
def test_a_hidden_column_leaves_no_gap(
    appearance: object, qtbot: QtBot, room: int, visible_columns: list[str]
) -> None:
    """The visible columns are next to each other from the left edge, including the last one when the table has to
    scroll.
    """
    columns = [
        Column(name, name, wide, lambda line: str(line), is_stretched=name == "next")
        for name, wide in WIDTH_BY_COLUMN.items()
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", hideable_columns=("since", "who"))
    qtbot.addWidget(table)
    table.resize(room, 200)
    table.show()
    table.show_rows([1, 2])
    header, at = table.horizontalHeader(), 0
    for place, name in enumerate(WIDTH_BY_COLUMN):
        assert table.isColumnHidden(place) == (name not in visible_columns)
        if name in visible_columns:
            assert header.sectionViewportPosition(place) == at, name
            at += header.sectionSize(place)


def test_an_empty_column_is_hidden_before_one_with_texts(appearance: object, qtbot: QtBot) -> None:
    """In a narrow table a column without any text is hidden first, although another column is less important. With a
    text in it, the less important one is hidden.
    """
    columns = [
        Column("provider", "Provider", 90, lambda _: "PayPay"),
        Column("taken", "Taken", 90, lambda line: line[1]),
        Column("cause", "Cause", 200, lambda _: "x" * 60),
    ]
    table = StaticTable(
        make_window_context(), columns, lambda line: line[0], "Lines", hideable_columns=("provider", "taken")
    )
    qtbot.addWidget(table)
    table.resize(560, 200)
    table.show()
    table.show_rows([(1, "–"), (2, "–")])
    assert [table.isColumnHidden(place) for place in range(3)] == [False, True, False]
    table.show_rows([(1, "–"), (2, "op-a")])
    assert [table.isColumnHidden(place) for place in range(3)] == [True, False, False]


def test_a_narrow_column_comes_back_if_a_wide_one_makes_room(appearance: object, qtbot: QtBot) -> None:
    """Hiding the narrow column, which is the first to hide, isn't enough. The table then hides the wide column too,
    which alone makes enough room, so the narrow column is shown again.
    """
    columns = [Column(name, name, wide, lambda line: "x" * 40) for name, wide in (("a", 60), ("b", 300), ("c", 300))]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", hideable_columns=("a", "b"))
    qtbot.addWidget(table)
    table.resize(420, 200)
    table.show()
    table.show_rows([1])
    assert [table.isColumnHidden(place) for place in range(3)] == [False, True, False]


@pytest.mark.parametrize("stretched", ["next", "what"])
def test_the_last_column_gets_the_remaining_width(appearance: object, qtbot: QtBot, stretched: str) -> None:
    """In a wide window the values of a row are near each other: a column grows by at most half, and the last column
    gets the remaining width."""
    columns = [
        Column(name, name, 120, lambda line: f"{line} " * 20, is_stretched=name == stretched)
        for name in ("what", "next")
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines")
    qtbot.addWidget(table)
    table.resize(1600, 200)
    table.show()
    table.show_rows(["word"])
    header = table.horizontalHeader()
    assert header.length() == table.viewport().width()
    text_px = table.delegates[0].measure_cell_width(columns[0].make_cell("word"))
    assert text_px < header.sectionSize(0) <= 1.5 * text_px + 60
    assert header.sectionSize(1) > text_px, "a text is cut off though the table has room"


def test_amounts_and_ages_keep_their_widths_in_a_wide_window(appearance: object, qtbot: QtBot) -> None:
    """In a wide window the columns of texts share the free width in proportion. Columns of amounts and ages, and
    columns whose width the person has set, keep their widths.
    """
    columns = [
        Column("name", "Name", 100, str),
        Column("sum", "Sum", 100, lambda _: "¥1,000", "amount"),
        Column("cause", "Cause", 200, str),
        Column("age", "Age", 80, lambda _: AgeCell("3", "h"), "age"),
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", margin_px=8)
    qtbot.addWidget(table)
    table.resize(1500, 200)
    table.show()
    table.show_rows(["word"])
    widths = [table.columnWidth(place) for place in range(4)]
    assert sum(widths) == table.viewport().width()
    assert (widths[1], widths[3]) == (100, 80)
    assert abs(widths[2] - 2 * widths[0]) <= 2
    table.set_preferred_widths({"cause": 200})
    assert (table.columnWidth(1), table.columnWidth(2), table.columnWidth(3)) == (100, 200, 80)


def test_a_first_column_that_was_hidden_is_whole_again(appearance: object, qtbot: QtBot) -> None:
    """A narrow window hides the first column. When the window becomes wide, the column is shown again, wide enough
    for its contents and the table's margin.
    """
    columns = [
        Column("day", "Day", 116, str, "data"),
        Column("who", "Who", 150, str),
        Column("what", "What", 150, lambda line: f"{line} " * 60),
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", hideable_columns=("day",))
    qtbot.addWidget(table)
    table.show_rows(["11-17 17:36"])
    table.show()
    for room in (320, 900):
        table.resize(room, 200)
    assert not table.isColumnHidden(0)
    needed = table.delegates[0].measure_cell_width("11-17 17:36") + sum(table.delegates[0].get_paddings(0))
    assert table.columnWidth(0) >= needed


def test_a_resized_table_reads_no_cell_again(appearance: object, qtbot: QtBot) -> None:
    """Resizing a table reads none of its cells again. A list of 200 rows has thousands of cells, and a window that a
    person drags is resized at each step.
    """
    read: list[str] = []

    def read_cell(line: str) -> str:
        read.append(line)
        return line

    columns = [Column(name, name, 120, read_cell) for name in ("who", "next")]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines")
    qtbot.addWidget(table)
    table.resize(900, 200)
    table.show_rows(["a", "b"])
    table.fit_columns()
    read.clear()
    table.resize(700, 200)
    table.fit_columns()
    assert read == []


def test_a_changed_cell_is_measured_again(appearance: object, qtbot: QtBot) -> None:
    columns = [Column(name, name, 60, lambda line: line[1], kind="amount") for name in ("who", "next")]
    table = StaticTable(make_window_context(), columns, lambda line: line[0], "Lines")
    qtbot.addWidget(table)
    table.resize(900, 200)
    table.show()
    table.show_rows([(1, "¥1"), (2, "¥2")])
    narrow = table.columnWidth(0)
    table.rows.replace_row((2, "¥1,234,567,890,123"))
    table.fit_columns()
    assert table.columnWidth(0) > narrow + 60


def test_a_column_of_numbers_gets_its_width_before_a_column_of_sentences(appearance: object, qtbot: QtBot) -> None:
    """In a narrow table a column of corporation numbers first becomes wide enough for the whole number. Only then a
    column of sentences gets more width.
    """
    texts = {"company": "9 9906 4096 9931", "state": "Unknown", "cause": "The provider gave no answer in time"}

    def make_column(key: str, text: str) -> Column:
        return Column(key, key, 140, lambda line: text if line == 1 else key * 9, is_stretched=key == "company")

    columns = [make_column(key, text) for key, text in texts.items()]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", naming_columns=("company",))
    qtbot.addWidget(table)
    table.show()
    table.show_rows([1, 2])
    for room in range(330, 520, 10):
        table.resize(room, 200)
        table.fit_columns()
        if table.isColumnHidden(0):
            continue
        needed = table.delegates[0].measure_cell_width(texts["company"]) + sum(table.delegates[0].get_paddings(0))
        assert table.columnWidth(0) >= needed or room < 340, (room, table.columnWidth(0), needed)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_a_list_of_a_dialog_has_fewer_rows_with_larger_text(appearance: Appearance, scale: float) -> None:
    """With larger text, the list of a dialog has fewer rows, but no more height than at text scale 1.0, so that
    the text below it stays in sight.
    """
    table = StaticTable(make_window_context(), [Column("a", "A", 90, str)], lambda line: line, "Lines")
    usual_height = table.compute_dialog_list_height(8) - appearance.row_height("header")
    appearance.set_text_scale(scale)
    height = table.compute_dialog_list_height(8) - appearance.row_height("header")
    assert height <= usual_height
    assert height > usual_height - appearance.row_height()


def make_shown_table(qtbot: QtBot, columns: list[Column], width: int) -> StaticTable:
    """Return a visible table of this width in px with these columns and one row."""
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", margin_px=8)
    qtbot.addWidget(table)
    table.resize(width, 200)
    table.show()
    table.show_rows([1])
    return table


def list_cut_columns(table: StaticTable) -> list[str]:
    return [column.key for column in table.rows.columns if table.is_cell_cut(column.key, 1)]


def test_a_column_gives_its_unused_width_to_a_text_that_would_be_cut(appearance: object, qtbot: QtBot) -> None:
    """A column that is wider than its contents becomes narrower before a text of another column is cut off. A width
    that the person has set is kept.
    """
    columns = [
        Column("number", "Number", 200, lambda _: "7"),
        Column("name", "Name", 120, lambda _: "A company with a long name", is_stretched=True),
        Column("cause", "Cause", 200, lambda _: "Late"),
    ]
    table = make_shown_table(qtbot, columns, 540)
    assert list_cut_columns(table) == []
    table.set_preferred_widths({"number": 200, "cause": 200})
    assert (table.columnWidth(0), table.columnWidth(2)) == (200, 200)
    assert list_cut_columns(table) == ["name"]


def test_texts_that_are_too_long_share_the_free_width(appearance: object, qtbot: QtBot) -> None:
    """If two texts are too long for the table, none of them takes the whole free width. A text that fits is shown
    completely.
    """
    columns = [
        Column("check", "Check", 200, lambda _: "checked " * 200),
        Column("who", "Who", 60, lambda _: "a person of the team"),
        Column("next", "Next", 200, lambda _: "step " * 200, is_stretched=True),
    ]
    table = make_shown_table(qtbot, columns, 1000)
    assert list_cut_columns(table) == ["check", "next"]
    assert table.columnWidth(2) > 300, "wider than defined"


def test_a_long_name_does_not_cut_off_the_texts_of_other_columns(appearance: object, qtbot: QtBot) -> None:
    """If a table has too little width for a long name and two shorter texts, only the long name is cut off."""
    columns = [
        Column("company", "Company", 140, lambda _: "a company with a name that is longer than all others"),
        Column("cause", "Cause", 40, lambda _: "no answer in time"),
        Column("who", "Who", 40, lambda _: "a person of the team"),
    ]
    table = make_shown_table(qtbot, columns, 1000)
    assert list_cut_columns(table) == []
    needed_width = sum(table._measure_contents_width(column_index) for column_index in range(3))
    table.resize(needed_width - 20, 200)
    assert list_cut_columns(table) == ["company"]


def test_a_sentence_of_a_state_is_cut_off_before_a_word_of_another(appearance: object, qtbot: QtBot) -> None:
    """In a narrow table, a stretched column of states, which contains sentences, is cut off before a word of another
    column of states.
    """
    columns = [
        Column("verdict", "Verdict", 150, lambda _: StateCell("Different amount", "warning", "bad"), "state"),
        Column(
            "cause",
            "Cause",
            220,
            lambda _: StateCell("Another amount in the history of the provider", "warning", "care"),
            "state",
            is_stretched=True,
        ),
    ]
    assert list_cut_columns(make_shown_table(qtbot, columns, 270)) == ["cause"]


@pytest.mark.parametrize(("kind", "defined_px", "remaining_px"), [("text", 100, 130), ("state", 600, 110)])
def test_one_long_identifier_does_not_cut_off_the_texts_of_other_columns(
    appearance: object, qtbot: QtBot, kind: CellKind, defined_px: int, remaining_px: int
) -> None:
    """In a narrow table, a stretched column of identifiers cuts off its longest one before the sentences or states of
    another column are cut off.
    """
    state = StateCell("An outcome that nobody knows yet, not even the provider", "question", "unknown")
    columns = [
        Column("what", "What", defined_px, lambda _: state if kind == "state" else state.word, kind,
               is_stretched=kind == "text"),
        Column("record", "Record", 120, lambda line: "A long company name" if line else "ORD-1", "data",
               is_stretched=True),
    ]  # fmt: skip
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", margin_px=8)
    qtbot.addWidget(table)
    table.show()
    table.show_rows([0, 1])
    table.resize(table._measure_contents_width(0) + remaining_px, 200)
    assert [(key, line) for key in ("what", "record") for line in (0, 1) if table.is_cell_cut(key, line)] == [
        ("record", 1)
    ]


def test_one_long_identifier_does_not_narrow_sentences_that_stay_cut(appearance: object, qtbot: QtBot) -> None:
    """If sentences are too long for the table, the width that one long identifier needs goes to the sentences."""
    columns = [
        Column("what", "What", 100, lambda line: f"{line} sentence " * 30, is_stretched=True),
        Column("record", "Record", 120, lambda line: "A company with a long name" if line == 1 else "ORD-1", "data",
               is_stretched=True),
    ]  # fmt: skip
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", margin_px=8)
    qtbot.addWidget(table)
    table.resize(600, 200)
    table.show()
    table.show_rows([0, 1, 2, 3])
    assert [line for line in range(4) if table.is_cell_cut("record", line)] == [1]
    assert table.columnWidth(0) > 440


def test_one_long_text_does_not_take_the_width_that_many_rows_need(appearance: object, qtbot: QtBot) -> None:
    """If two columns are too narrow for their longest texts, the column whose texts are long in many rows gets the
    larger part of the free width: the other one, which is empty in all rows but one, is cut off only there.
    """
    columns = [
        Column("result", "Result", 100, lambda line: "A result that fits into it" if line else "r" * 120),
        Column("next", "Next step", 100, lambda line: "" if line else "n" * 120, is_stretched=True),
    ]
    table = StaticTable(make_window_context(), columns, lambda line: line, "Lines", margin_px=8)
    qtbot.addWidget(table)
    table.resize(500, 200)
    table.show()
    table.show_rows([0, 1, 2, 3, 4, 5])
    assert [line for line in range(6) if table.is_cell_cut("result", line)] == [0]
    assert table.columnWidth(0) + table.columnWidth(1) == table.viewport().width()


@pytest.mark.parametrize("has_owner", [True, False])
def test_only_an_empty_column_is_hidden_for_a_text_that_would_be_cut(
    appearance: object, qtbot: QtBot, *, has_owner: bool
) -> None:
    """A hideable column without any text is hidden before a sentence is cut off, even if the sentence stays too long
    for the table. A column with texts stays.
    """
    columns = [
        Column("owner", "Taken by", 80, lambda _: "op-a" if has_owner else ""),
        Column("cause", "Cause", 200, lambda _: "sentence " * 90),
    ]
    table = StaticTable(make_window_context(), columns, str, "Lines", hideable_columns=("owner",))
    qtbot.addWidget(table)
    table.resize(560, 200)
    table.show()
    table.show_rows([1])
    assert table.isColumnHidden(0) is not has_owner
    table.resize(8000, 200)
    assert not table.isColumnHidden(0), "the sentence fits"


@pytest.mark.parametrize(("word_count", "is_hidden"), [(4, False), (9, True), (90, False)])
def test_a_repeated_column_is_hidden_only_if_the_stretched_texts_then_fit(
    appearance: object, qtbot: QtBot, word_count: int, *, is_hidden: bool
) -> None:
    """A column whose contents a panel repeats is hidden only if the texts of the stretched column are cut off beside
    it and complete without it."""
    columns = [
        Column("what", "What", 200, lambda _: "sentence " * word_count, is_stretched=True),
        Column("sum", "Sum", 120, lambda _: "¥1,234,567,890", "amount"),
    ]
    table = StaticTable(make_window_context(), columns, str, "Lines", hideable_columns=("sum",))
    table.repeated_keys = ("sum",)
    qtbot.addWidget(table)
    table.resize(640, 200)
    table.show()
    table.show_rows([1])
    assert table.isColumnHidden(1) is is_hidden
    assert table.is_cell_cut("what", 1) is (word_count == 90)


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_a_table_without_rows_shows_its_check_box_and_scrolls_nowhere(
    appearance: Appearance, qtbot: QtBot, scale: float
) -> None:
    """A table whose first read has failed has no rows. Its column of check boxes is nevertheless as wide as with
    rows, because its title is a check box, and the table doesn't scroll sideways."""
    appearance.set_text_scale(scale)
    columns = [
        make_check_box_column("Selected", "Selected, some rows selected"),
        Column("name", "Name", 120, lambda line: str(line)),
        Column("next", "Next", 200, lambda line: str(line), is_stretched=True),
    ]
    widths = []
    for rows in ([], ["a", "b"]):
        table = StaticTable(make_window_context(), columns, lambda line: line, "Lines")
        qtbot.addWidget(table)
        table.resize(700, 200)
        table.show()
        table.show_rows(rows)
        table.fit_columns()
        widths.append(table.columnWidth(0))
        assert table.horizontalScrollBar().maximum() == 0
    assert widths[0] == widths[1]
