"""Mutants of the corporation registry: files are imported or used that must be refused, and companies aren't
found."""

from tests.mutants.mutant import Mutant, SourceChange

_ORDER_FILE = "console/store/registry/import_order.py"
_ROWS_FILE = "console/store/registry/file_rows.py"
_SOURCE_FILE = "console/store/registry/source_file.py"
_DISTRIBUTION_FILE = "console/store/registry/distribution.py"
_DIFFERENCES_TESTS = ("tests/store/registry/test_differences.py",)
_BAD_FILES_TESTS = ("tests/store/registry/test_bad_files.py",)
_INTERRUPTIONS_TESTS = ("tests/store/registry/test_interruptions.py",)
_REGISTRY_FILE_MODULE = "console/store/registry/registry_file.py"
_DISTRIBUTION_TESTS = ("tests/store/registry/test_distribution.py",)
_UPDATES_FILE = "console/services/registry/updates.py"
_UPDATE_TESTS = ("tests/services/registry/test_updates.py",)


def _make_mutant(name: str, file: str, old_text: str, new_text: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(name, (SourceChange(file, old_text, new_text),), tests, "")


REGISTRY_MUTANTS: tuple[Mutant, ...] = (
    _make_mutant(
        "a day of the registry is left out",
        _ORDER_FILE,
        "    if missing_days:\n",
        "    if not source:\n",
        _DIFFERENCES_TESTS,
    ),
    _make_mutant(
        "a difference is applied twice",
        _ORDER_FILE,
        "    if source.day <= complete_until:\n",
        "    if source.day < complete_until:\n",
        _DIFFERENCES_TESTS,
    ),
    _make_mutant(
        "the registry goes back",
        _ORDER_FILE,
        "    if complete_until < current_coverage.registry_date:\n",
        "    if complete_until < current_coverage.whole_file_day:\n",
        _DIFFERENCES_TESTS,
    ),
    _make_mutant(
        "a wrong check digit is taken", _ROWS_FILE, " and are_well_formed(column)\n", "\n", _BAD_FILES_TESTS
    ),
    _make_mutant(
        "a file of two encodings is taken",
        _SOURCE_FILE,
        "    return not any(_UTF8_KANA_OR_KANJI_PATTERN.search(field) and _is_utf8(field) for field in fields)\n",
        "    return any(fields)\n",
        _BAD_FILES_TESTS,
    ),
    _make_mutant(
        "what a killed deletion left stays",
        _REGISTRY_FILE_MODULE,
        "sorted(folder.glob(_REGISTRY_FOLDER_PATTERN))",
        "sorted(file.parent for file in folder.glob(f'{_REGISTRY_FOLDER_PATTERN}/{REGISTRY_FILE_NAME}'))",
        _INTERRUPTIONS_TESTS,
    ),
    _make_mutant(
        "companies with open records are looked for among the best alone",
        "console/services/registry/matches.py",
        ", our_numbers=open_numbers\n",
        "\n",
        ("tests/services/registry/test_facts.py",),
    ),
    _make_mutant(
        "rows whose furigana is its own comparison form aren't searched",
        "console/store/registry/search_filter.py",
        '("name", "furigana", "folded_names")',
        '("name", "folded_names")',
        ("tests/store/registry/test_folded_texts.py",),
    ),
    _make_mutant(
        "an answer about another day is imported",
        "console/providers/registry/responses.py",
        "    if lines and not any(first_day.isoformat() <= day <= last_day.isoformat() for day in days):\n",
        "    if lines and not days:\n",
        ("tests/providers/registry/test_client.py",),
    ),
    _make_mutant(
        "a part that is answered twice is imported",
        _UPDATES_FILE,
        ":= _get_first_line_unnumbered(part)) in known_lines:\n",
        ":= _get_first_line_unnumbered(part)) in ():\n",
        _UPDATE_TESTS,
    ),
    _make_mutant(
        "the refusal of a file that couldn't be read is kept",
        _UPDATES_FILE,
        "RegistryFileProblem.FILE_CHANGED, RegistryFileProblem.FILE_UNREADABLE, ",
        "RegistryFileProblem.FILE_CHANGED, ",
        _UPDATE_TESTS,
    ),
    _make_mutant(
        "a harmed registry is put in use at a desk",
        _DISTRIBUTION_FILE,
        "    if _hash_file(path) != stored_file.sha256:\n",
        "    if not _hash_file(path):\n",
        _DISTRIBUTION_TESTS,
    ),
)
