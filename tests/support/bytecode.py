"""Compiles the program and its tests once, before the worker processes of a whole test run start. Otherwise each
worker process would compile every file itself, because all of them import the files at the same time and in the same
order. For the same reason Hypothesis reads the constants of each file once, from which it draws examples.
"""

import compileall
import fnmatch
import multiprocessing
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.assertion import rewrite
from hypothesis.internal.constants_ast import constants_from_module, is_local_module_file

_SOURCE_FOLDERS = ("console", "tests")
_REWRITTEN_FILE_PATTERNS = ("test_*.py", "conftest.py")
"""Name patterns of the files whose assertions pytest rewrites. It stores their bytecode under names of its own."""


@pytest.hookimpl(trylast=True)  # after Hypothesis has begun: before that, the use of its folder is an error
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile all files if this process starts worker processes for a run of all tests."""
    config = session.config
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if is_whole and config.getoption("numprocesses", None) and not sys.dont_write_bytecode:
        compile_all_files([config.rootpath / folder for folder in _SOURCE_FOLDERS], config, os.cpu_count() or 1)


def compile_all_files(folders: Iterable[Path], config: pytest.Config, process_count: int) -> None:
    """Compile the files below these folders that have changed since the last compilation, in `process_count`
    processes.
    """
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    process_count = process_count if "fork" in multiprocessing.get_all_start_methods() else 1
    helpers = [
        multiprocessing.get_context("fork").Process(target=_compile_files, args=(files[turn::process_count], config))
        for turn in range(1, process_count)
    ]
    for helper in helpers:
        helper.start()
    _compile_files(files[::process_count], config)
    for helper in helpers:
        helper.join()


def _compile_files(files: Sequence[Path], config: pytest.Config) -> None:
    for file in files:
        _store_constants(file)
        if any(fnmatch.fnmatch(file.name, pattern) for pattern in _REWRITTEN_FILE_PATTERNS):
            with suppress(SyntaxError):  # whoever imports it says so
                _compile_rewritten(file, config)
        else:
            compileall.compile_file(file, quiet=2)


def _compile_rewritten(file: Path, config: pytest.Config) -> None:
    """Compile the file and store its bytecode in the form in which pytest stores it at the import. The function uses
    private functions of pytest, because there is no public one.
    """
    folder = rewrite.get_cache_dir(file)
    compiled = folder / f"{file.stem}{rewrite.PYC_TAIL}"
    if rewrite._read_pyc(file, compiled) is None and rewrite.try_makedirs(folder):
        source_hash, code = rewrite._rewrite_test(file, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, compiled)


def _store_constants(file: Path) -> None:
    """Let Hypothesis read the constants in the file and store them in its folder, as it does when a worker process
    has imported the file. It leaves out tests, and has no public function for this.
    """
    if is_local_module_file(str(file)):
        module = ModuleType(file.stem)
        module.__file__ = str(file)
        constants_from_module(module)
