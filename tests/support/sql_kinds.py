"""Lists the expressions in the SQL of triggers that mix kinds of values: number, text, instant and JSON.

MySQL and MariaDB convert an operand whose kind differs from that of the other one. A text then counts as the number
at its beginning, so '12abc' = 12 is true, or MySQL ends a statement that writes with an error. JSON is a kind of its
own on MySQL and a text on MariaDB.

This module reads the SQL that the triggers have, and raises `ValueError` or `KeyError` for other SQL.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Boolean, DateTime, Integer, LargeBinary, MetaData, String
from sqlalchemy.types import TypeEngine

Kind = Literal["number", "text", "instant", "json", "interval", "null", "any", "mixed"]
"""Kind of an expression's values. `null` fits every kind. As the kind of a parameter, `any` accepts every kind.
`mixed` is the kind of COALESCE, GREATEST, LEAST or IF with arguments of several kinds; it fits IS NULL only."""
Columns = Mapping[str, Mapping[str, Kind]]
"""The kind of each column, by table and column."""

_TOKEN = re.compile(
    r"\s+|(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<word>@{0,2}[A-Za-z_]\w*(?:\.[A-Za-z_*]\w*)?)"
    r"|(?P<sign><=>|<>|!=|<=|>=|[-+*/%=<>(),;])"
)
_INSTANT: Final = re.compile(r"'\d{4}-\d\d-\d\d( [\d:.]+)?'")
_COMPARISONS: Final = frozenset(("=", "<=>", "<>", "!=", "<", ">", "<=", ">="))
_POWERS: Final[Mapping[str, int]] = {
    "OR": 1, "AND": 2, "NOT": 3, **dict.fromkeys((*_COMPARISONS, "BETWEEN", "IN", "LIKE", "REGEXP", "IS"), 4),
    **dict.fromkeys("+-", 5), **dict.fromkeys(("*", "/", "%", "DIV"), 6), "COLLATE": 8,
}  # fmt: skip
"""How strongly each operator binds its operands. NOT before an operator, as in NOT IN, binds like that operator."""
_MAKE_ONE_KIND: Final = frozenset(("COALESCE", "GREATEST", "LEAST", "NULLIF", "MAX", "MIN"))
"""Functions whose arguments have one kind, which their result has, too."""
_UNITS: Final = frozenset(("MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY"))
_FUNCTIONS: Final[Mapping[str, tuple[tuple[Kind, ...], Kind]]] = {
    "ABS": (("number",), "number"), "CHAR": (("number",), "text"), "CHAR_LENGTH": (("text",), "number"),
    "CONCAT": (("any",), "text"), "CONVERT_TZ": (("instant", "text"), "instant"), "COUNT": (("any",), "number"),
    "CURRENT_USER": ((), "text"), "DATE": (("instant",), "instant"), "FIND_IN_SET": (("text",), "number"),
    "JSON_ARRAY_APPEND": (("any",), "json"), "JSON_CONTAINS": (("any",), "number"),
    "JSON_EXTRACT": (("text",), "json"), "JSON_UNQUOTE": (("json",), "text"), "LEFT": (("text", "number"), "text"),
    "LOCATE": (("text", "text", "number"), "number"), "LOWER": (("text",), "text"),
    "OCTET_LENGTH": (("text",), "number"), "REGEXP_REPLACE": (("text",), "text"), "REPLACE": (("text",), "text"),
    "RIGHT": (("text", "number"), "text"), "SHA2": (("text", "number"), "text"),
    "SUBSTRING": (("text", "number"), "text"),
    "SUBSTRING_INDEX": (("text", "text", "number"), "text"), "SUM": (("number",), "number"),
    "SYSDATE": (("number",), "instant"), "TO_SECONDS": (("instant",), "number"), "TRIM": (("text",), "text"),
    "UNIX_TIMESTAMP": (("instant",), "number"), "USER": ((), "text"), "ID_IN_TEXT": (("text",), "number"),
}  # fmt: skip
"""The kinds of the parameters (the last one repeats) and of the result. ID_IN_TEXT stands for `parse_id_sql`."""


def _combine(kinds: Iterable[Kind]) -> Kind:
    """Return the kind of an expression whose value is one of these operands. A text beside JSON is JSON, too."""
    found = set(kinds) - {"null"}
    if found == {"json", "text"}:
        return "json"
    return "mixed" if len(found) > 1 else min(found, default="null")


def list_column_kinds(metadata: MetaData) -> Columns:
    """Return the kind of each column of these tables."""
    return {
        table.name: {column.name: _find_kind(column.type) for column in table.columns}
        for table in metadata.tables.values()
    }


def _find_kind(column_type: TypeEngine[Any]) -> Kind:
    if isinstance(column_type, DateTime):
        return "instant"
    if isinstance(column_type, (Integer, Boolean)):
        return "number"
    assert isinstance(column_type, (String, LargeBinary)), column_type
    return "text"


@dataclass
class KindReader:
    """Reads SQL from its beginning to its end and collects in `faults` the expressions that mix kinds.

    `columns` are the columns of the tables, `scopes` the tables by their aliases: first those that the whole SQL
    knows (NEW and OLD), then those of each query around the present place. `variables` are the variables of a
    trigger with their kinds.
    """

    sql: str
    columns: Columns
    scopes: list[Mapping[str, str]]
    variables: dict[str, Kind] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    position: int = 0

    def __post_init__(self) -> None:
        self.tokens = [match for match in self._match_tokens() if match.lastgroup]

    def _match_tokens(self) -> Iterable[re.Match[str]]:
        end = 0
        while end < len(self.sql):
            match = _TOKEN.match(self.sql, end)
            if match is None:
                raise ValueError(f"no token of SQL: {self.sql[end : end + 40]}")
            yield match
            end = match.end()

    @property
    def next(self) -> str:
        """The next token, a word in upper case; blank at the end."""
        return self.peek(0)

    def peek(self, distance: int) -> str:
        """Return the token so many tokens after the next one, as `next` does."""
        at = self.position + distance
        if at >= len(self.tokens):
            return ""
        token = self.tokens[at]
        return token[0] if token.lastgroup == "text" else token[0].upper()

    def take(self, *expected: str) -> str:
        """Read the next token and return it as it is written. It must be one of `expected`, if there are any."""
        if expected and self.next not in expected:
            raise ValueError(f"{self.next!r} instead of {expected} before {self._quote_rest()}")
        self.position += 1
        return self.tokens[self.position - 1][0]

    def skip(self, *words: str) -> bool:
        """Read these words if they are the next ones. Return True if so."""
        if all(self.peek(number) == word for number, word in enumerate(words)):
            self.position += len(words)
            return True
        return False

    def _quote_rest(self) -> str:
        start = self.tokens[self.position].start() if self.position < len(self.tokens) else len(self.sql)
        return repr(self.sql[start : start + 80])

    def expect(self, kinds: Iterable[Kind], start: int) -> Kind:
        """Return the kind that these operands or arguments have in common. It is a fault if they differ; `start` is
        the position of the expression's first token."""
        found = {kind for kind in kinds if kind not in ("null", "any")}
        if len(found) > 1 or "mixed" in found:
            first, last = self.tokens[start], self.tokens[self.position - 1]
            self.faults.append(f"{' and '.join(sorted(found))}: {self.sql[first.start() : last.end()]}")
        return min(found, default="null")

    def read_condition(self) -> None:
        """Read an expression that must be true or false, which are numbers."""
        start = self.position
        self.expect(("number", self.read()), start)

    def read(self, power: int = 0) -> Kind:
        """Read an expression whose operators bind more strongly than `power`. Return its kind."""
        start = self.position
        kind = self._read_operand()
        while True:
            is_negated = self.next == "NOT"
            operator = self.peek(1) if is_negated else self.next
            if _POWERS.get(operator, 0) <= power:
                return kind
            self.position += 1 + is_negated
            kind = self._read_operation(kind, operator, start)

    def _read_operation(self, left: Kind, operator: str, start: int) -> Kind:
        """Read the right side of `operator` (its left side has the kind `left`). Return the kind of the result."""
        power = _POWERS[operator]
        if operator == "COLLATE":
            self.take()
            return left
        if operator == "IS":
            self.skip("NOT")
            if self.take("NULL", "TRUE", "FALSE") != "NULL":
                self.expect(("number", left), start)
        elif operator == "BETWEEN":
            low = self.read(power)
            self.take("AND")
            self.expect((left, low, self.read(power)), start)
        elif operator == "IN":
            self.expect((left, *self._read_list()), start)
        elif operator in ("LIKE", "REGEXP"):
            self.expect((left, self.read(power), "text"), start)
        elif operator in _COMPARISONS:
            self.expect((left, self.read(power)), start)
        else:
            right = self.read(power)
            if right == "interval":
                return self.expect((left, "instant"), start)
            self.expect((left, right, "number"), start)
        return "number"

    def _read_list(self) -> list[Kind]:
        """Read a list in brackets, or a query. Return the kinds of its values."""
        self.take("(")
        if self.next == "SELECT":
            kinds = self._read_query()
        else:
            kinds = []
            while self.next != ")":
                kinds.append(self.read())
                self.skip(",")
        self.take(")")
        return kinds

    def _read_operand(self) -> Kind:
        start = self.position
        word = self.next
        group = self.tokens[start].lastgroup
        if word == "(":
            (kind,) = self._read_list()
            return kind
        if group == "number":
            self.take()
            return "number"
        if group == "text":
            return "instant" if _INSTANT.fullmatch(self.take()) else "text"
        if word in ("NOT", "-"):
            self.take()
            self.expect((self.read(_POWERS["NOT"] if word == "NOT" else 7), "number"), start)
            return "number"
        if word == "INTERVAL":
            self.take()
            self.expect((self.read(), "number"), start)
            self.take(*_UNITS)
            return "interval"
        if word == "CASE":
            return self._read_case()
        if self.peek(1) == "(":
            return self._read_call()
        return self._find_kind_of_name(self.take())

    def _read_case(self) -> Kind:
        start = self.position
        self.take("CASE")
        compared: list[Kind] = [] if self.next == "WHEN" else [self.read()]
        kinds: list[Kind] = []
        while self.skip("WHEN"):
            if compared:
                compared.append(self.read())
            else:
                self.read_condition()
            self.take("THEN")
            kinds.append(self.read())
        if self.skip("ELSE"):
            kinds.append(self.read())
        self.take("END")
        self.expect(compared, start)
        return _combine(kinds)

    def _read_call(self) -> Kind:
        """Read a function with its arguments. Return the kind of its result."""
        start = self.position
        name = self.take().upper()
        if name == "EXISTS":
            self._read_list()
            return "number"
        self.take("(")
        if name in ("CAST", "CONVERT"):
            return self._read_cast(start)
        if name == "IF":
            self.read_condition()
            self.take(",")
        if name == "TIMESTAMPDIFF":
            self.take(*_UNITS)
            self.take(",")
        kinds = self._read_arguments(name)
        if name in _MAKE_ONE_KIND or name == "IF":
            return _combine(kinds)
        if name == "TIMESTAMPDIFF":
            self.expect((*kinds, "instant"), start)
            return "number"
        parameters, result = _FUNCTIONS[name]
        for number, kind in enumerate(kinds):
            expected = parameters[min(number, len(parameters) - 1)]
            self.expect((kind, expected), start)
        return result

    def _read_arguments(self, name: str) -> list[Kind]:
        kinds: list[Kind] = []
        if name == "TRIM":
            self.skip("LEADING") or self.skip("TRAILING")
        self.skip("DISTINCT")
        while self.next != ")":
            kinds.append("number" if self.skip("*") else self.read())
            self.skip(",") or self.skip("FROM")
        self.take(")")
        return kinds

    def _read_cast(self, start: int) -> Kind:
        """Read the rest of CAST or CONVERT. It is a fault to cast something else than a number to a number."""
        kind = self.read()
        is_number = False
        if self.take("AS", "USING").upper() == "AS":
            is_number = self.next in ("SIGNED", "UNSIGNED")
        self.take("SIGNED", "UNSIGNED", "BINARY", "CHAR", "UTF8MB4")
        self.take(")")
        if is_number:
            return self.expect((kind, "number"), start)
        return "text"

    def _read_query(self) -> list[Kind]:
        """Read a query up to its closing bracket. Return the kinds of its columns."""
        self.scopes.append(self._find_tables())
        self.take("SELECT")
        kinds = [self.read()]
        while self.skip(","):
            kinds.append(self.read())
        self.take("FROM")
        self._read_table()
        while self.skip("JOIN"):
            self._read_table()
            self.take("ON")
            self.read_condition()
        if self.skip("WHERE"):
            self.read_condition()
        self.skip("LOCK", "IN", "SHARE", "MODE")
        self.scopes.pop()
        return kinds

    def _read_table(self) -> None:
        self.position += 2
        if self.skip("FORCE", "INDEX", "("):
            self.take()
            self.take(")")

    def _find_tables(self) -> dict[str, str]:
        """Return the tables of the query that begins here, by alias."""
        depth, tables = 0, {}
        for at in range(self.position, len(self.tokens)):
            word = self.tokens[at][0].upper()
            depth += {"(": 1, ")": -1}.get(word, 0)
            if depth < 0:
                break
            if depth == 0 and word in ("FROM", "JOIN"):
                tables[self.tokens[at + 2][0].upper()] = self.tokens[at + 1][0]
        return tables

    def _find_kind_of_name(self, name: str) -> Kind:
        """Return the kind of a column or variable, or of NULL, TRUE or FALSE."""
        if name.upper() in ("TRUE", "FALSE", "NULL"):
            return "null" if name.upper() == "NULL" else "number"
        if name in self.variables:
            return self.variables[name]
        alias, dot, column = name.rpartition(".")
        for scope in reversed(self.scopes):
            if dot and alias.upper() in scope:
                return self.columns[scope[alias.upper()]][column]
        raise ValueError(f"unknown name {name} before {self._quote_rest()}")


_VARIABLES: Final[Mapping[str, Kind]] = {
    "@console_request": "text", "@@SESSION.insert_id": "number", "@@SESSION.auto_increment_increment": "number",
    "@@session.time_zone": "text", "@@SESSION.time_zone": "text",
}  # fmt: skip


def list_mixed_kinds(body: str, table: str, columns: Columns) -> list[str]:
    """Return the expressions that mix kinds in the body of a trigger on `table`, each after the names of its kinds.
    `columns` are the columns of all tables (see `list_column_kinds`)."""
    reader = KindReader(body, columns, [{"NEW": table, "OLD": table}], dict(_VARIABLES))
    reader.take("BEGIN")
    while reader.peek(1):
        _read_statement(reader)
    reader.take("END")
    return reader.faults


def _read_statement(reader: KindReader) -> None:
    """Read one statement, or the part of an IF that ends with THEN, ELSE or END IF."""
    if reader.skip("IF"):
        reader.read_condition()
        reader.take("THEN")
    elif not reader.skip("ELSE"):
        if reader.skip("DECLARE"):
            _read_declaration(reader)
        elif reader.skip("SET"):
            reader.read()  # an assignment, which reads like a comparison
            while reader.skip(","):
                reader.read()
        elif reader.skip("SIGNAL"):
            while reader.next != ";":
                reader.take()
        else:
            reader.take("END")
            reader.take("IF")
        reader.take(";")


def _read_declaration(reader: KindReader) -> None:
    name, start = reader.take(), reader.position
    kind: Kind = "number" if reader.take("INT", "VARCHAR") == "INT" else "text"
    while not reader.skip("DEFAULT"):
        reader.take()
    reader.expect((kind, reader.read()), start)
    reader.variables[name] = kind
