"""Seeded bugs in exported files: formulas that run, amounts that are no numbers, files of cancelled exports."""

from tests.mutants.mutant import Change, Mutant

_CELLS, _SERVICE = "console/services/exports/cells.py", "console/services/exports/export_service.py"
_TESTS = ("tests/services/exports/test_exports.py",)


def _mutant(name: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(name, (Change(file, old, new),), _TESTS, "")


ON_EXPORTS: tuple[Mutant, ...] = (
    _mutant(
        "a formula behind a space is exported as it is",
        _CELLS,
        "line.lstrip().startswith(FORMULA_CHARACTERS)",
        "line.startswith(FORMULA_CHARACTERS)",
    ),
    _mutant(
        "marks of the reading direction are exported",
        _CELLS,
        'unicodedata.category(character) == "Zs" else " "',
        'unicodedata.category(character) in ("Zs", "Cf") else " "',
    ),
    _mutant(
        "a reference of many digits is a number in CSV",
        _CELLS,
        'return f"{_APOSTROPHE}{text}" if _LOOKS_LIKE_NUMBER.fullmatch(text) else text',
        "return text",
    ),
    _mutant(
        "instants are exported in UTC",
        _CELLS,
        'return value.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")',
        'return value.strftime("%Y-%m-%d %H:%M:%S")',
    ),
    _mutant(
        "a cancelled export leaves its file",
        _SERVICE,
        "        write_table(draft.file, table, rows)\n",
        "        try:\n            write_table(draft.file, table, rows)\n"
        "        except BaseException:\n            draft.publish()\n            raise\n",
    ),
    _mutant(
        "an export is not in the trail",
        _SERVICE,
        "        self._context.write(lambda tx: self._context.record_audit"
        "(tx, _ACTION, request.name.value, facts, kind=_KIND))\n",
        "",
    ),
    _mutant(
        "amounts are exported in minor units",
        "console/wording/exports/columns.py",
        'return Decimal(minor).scaleb(-MINOR_DIGITS.get(currency or "", _DEFAULT_DIGITS))',
        "return Decimal(minor)",
    ),
)
