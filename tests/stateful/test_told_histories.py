"""Whatever happens to a record, every place tells it alike, unknown stays unknown, and advice is never refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stateful import told_histories
from tests.support.choice_stage import Stage, stage
from tests.support.quick_desks import quick_folder

HISTORIES = 300


@pytest.fixture(scope="module")
def desk() -> Iterator[Stage]:
    with quick_folder() as folder, stage(folder / "home") as made:
        yield made


def test_each_record_is_told_alike_everywhere(desk: Stage, tmp_path: Path) -> None:
    """Payments with orders and refunds, and credit checks; the soak lives 10,000 histories."""
    tally = told_histories.run(desk, HISTORIES, tmp_path)
    assert tally["histories"] >= HISTORIES
    assert any(name.startswith("follow_advice") and name.endswith("done") for name in tally)
