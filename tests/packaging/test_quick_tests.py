"""Tests of the choice of tests for `make quick`: those of the changed files, the nearest first, until the time limit
is reached.
"""

from scripts.quick_tests import ALWAYS_RUN_TESTS, choose_tests

SOURCE_TEXT_BY_PATH = {
    "tests/store/alerts/test_far.py": "from console.services.alerts.causes import find_cause\n",
    "tests/services/alerts/test_causes.py": "from console.services.alerts import (\n    causes,\n    evaluate,\n)\n",
    "tests/services/alerts/test_other.py": "import console.services.alerts.rules\n",
    "tests/wording/test_keys.py": "import console\n",
    "tests/domain/test_money.py": "from console.services.alerts import causes\n",
}
CHANGED_MODULE = "console/services/alerts/causes.py"


def test_tests_that_import_a_changed_module_are_chosen() -> None:
    """For a changed module, the tests in the folder of the same name are chosen first, then other tests that import
    the module. The whole folder tests/domain is always chosen.
    """
    near, far = "tests/services/alerts/test_causes.py", "tests/store/alerts/test_far.py"
    assert choose_tests([CHANGED_MODULE], SOURCE_TEXT_BY_PATH, {}) == ([ALWAYS_RUN_TESTS, near, far], [])


def test_changed_tests_and_tests_of_changed_words_are_chosen() -> None:
    other = "tests/services/alerts/test_other.py"
    assert choose_tests([other], SOURCE_TEXT_BY_PATH, {}) == ([ALWAYS_RUN_TESTS, other], [])
    assert choose_tests(["resources/words/ja.json"], SOURCE_TEXT_BY_PATH, {}) == (
        [ALWAYS_RUN_TESTS, "tests/wording/test_keys.py"],
        [],
    )


def test_slow_tests_are_not_chosen() -> None:
    """A test file that takes longer than the remaining time is left out; a quicker one after it is still chosen."""
    near, far = "tests/services/alerts/test_causes.py", "tests/store/alerts/test_far.py"
    assert choose_tests([CHANGED_MODULE], SOURCE_TEXT_BY_PATH, {near: 1_000}) == ([ALWAYS_RUN_TESTS, far], [near])
