"""Tests that a new SQLAlchemy engine reuses the compiled statements of an earlier engine of the same process
(tests/support/compiled.py).
"""

from contextlib import closing

import pytest
from sqlalchemy.sql.compiler import SQLCompiler

from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place


def test_a_second_desk_opens_without_compiling_statements(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(place.desk(InMemoryAlarmBox())):
        pass
    compiled: list[str] = []
    process = SQLCompiler.process

    def record_and_process(compiler: SQLCompiler, *given: object, **how: object) -> str:
        compiled.append(type(compiler.statement).__name__)
        return process(compiler, *given, **how)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(SQLCompiler, "process", record_and_process)
    with closing(place.desk(InMemoryAlarmBox())):
        pass
    assert compiled == []
