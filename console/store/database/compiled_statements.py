"""Executes statements without SQLAlchemy's work for each execution.

For each execution, SQLAlchemy looks its compiled SQL up by a key of the whole statement, collects the parameters, and
prepares the reading of generated values. That takes twice as long as the driver and SQLite together. Here the SQL and
the conversions of the parameters are kept for each statement object, and only the SQL is handed to the driver.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable

_MAX_COMPILED_STATEMENTS = 256


@dataclass(frozen=True, slots=True)
class _CompiledStatement:
    """A statement as the driver gets it. `names` are the names of its parameters in the order of the SQL; a name that
    occurs twice is listed twice. `constants` are the values of the parameters that the statement itself contains.
    `converters` are functions that convert a value into the driver's form, by the name of the parameter; a parameter
    whose values aren't converted has none. `is_positional`: the driver takes the parameters as a tuple in the order
    of `names`, otherwise as a mapping.
    """

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    converters: Mapping[str, Callable[[Any], Any]]
    is_positional: bool

    def make_driver_parameters(self, parameters: Mapping[str, object]) -> Any:
        values: dict[str, Any] = {**self.constants, **parameters}
        for name, convert in self.converters.items():
            values[name] = convert(values[name])
        return tuple([values[name] for name in self.names]) if self.is_positional else values


def execute_compiled(conn: Connection, statement: Executable, parameters: Mapping[str, object]) -> CursorResult[Any]:
    """Execute a statement with these parameters, and return its result. The values of its rows are those of the
    driver: SQLAlchemy's types don't convert them. A statement that changes rows has no `inserted_primary_key`, but
    `rowcount` and `lastrowid`. For a query with many columns this is slower than `Connection.execute`.

    `statement` must be the same object at each call, such as a constant of a module: it is compiled once for each
    object. Raises ValueError for a statement that can't be compiled before its parameters are known, KeyError if a
    parameter is missing, and the errors of `Connection.execute`.
    """
    compiled_statement = _compile_statement(statement, conn.dialect, tuple(parameters))
    return conn.exec_driver_sql(compiled_statement.sql, compiled_statement.make_driver_parameters(parameters))


@lru_cache(maxsize=_MAX_COMPILED_STATEMENTS)
def _compile_statement(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _CompiledStatement:
    """Return the statement in the SQL of `dialect`. `names` are the names of the parameters of the execution; an
    INSERT without VALUES gets the columns with these names."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    # Values that Python makes for each execution, lists of parameters, and names that the driver can't take.
    if (
        getattr(compiled, "insert_prefetch", None)
        or getattr(compiled, "update_prefetch", None)
        or compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
    ):
        raise ValueError("the statement needs SQLAlchemy's work for each execution")
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
    }
    return _CompiledStatement(
        compiled.string,
        tuple(compiled.positiontup or compiled.binds),
        {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        {name: processor for name, processor in processors.items() if processor is not None},
        is_positional=compiled.positional,
    )
