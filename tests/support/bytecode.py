"""Compiles the program and its tests once, before the workers of a whole run start: each of them would compile every
file itself, because they begin at the same time and in the same order.
"""

import compileall
import fnmatch
import multiprocessing
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

_FOLDERS = ("console", "tests")
_REWRITTEN = ("test_*.py", "conftest.py")
"""The files whose assertions pytest rewrites; it keeps what it compiled of them under a name of its own."""


@pytest.hookimpl
def pytest_sessionstart(session: pytest.Session) -> None:
    """In the process that starts the workers, when all tests are asked for."""
    config = session.config
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if is_whole and config.getoption("numprocesses", None) and not sys.dont_write_bytecode:
        compile_all([config.rootpath / folder for folder in _FOLDERS], config, os.cpu_count() or 1)


def compile_all(folders: Iterable[Path], config: pytest.Config, processes: int) -> None:
    """Compile the files below these folders that have changed since they were compiled, in so many processes."""
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    processes = processes if "fork" in multiprocessing.get_all_start_methods() else 1
    helpers = [
        multiprocessing.get_context("fork").Process(target=_compile, args=(files[turn::processes], config))
        for turn in range(1, processes)
    ]
    for helper in helpers:
        helper.start()
    _compile(files[::processes], config)
    for helper in helpers:
        helper.join()


def _compile(files: Sequence[Path], config: pytest.Config) -> None:
    for file in files:
        if any(fnmatch.fnmatch(file.name, pattern) for pattern in _REWRITTEN):
            with suppress(SyntaxError):  # whoever imports it says so
                _compile_rewritten(file, config)
        else:
            compileall.compile_file(file, quiet=2)


def _compile_rewritten(file: Path, config: pytest.Config) -> None:
    """As pytest does when it imports the file. It has no public function for this."""
    folder = rewrite.get_cache_dir(file)
    compiled = folder / f"{file.stem}{rewrite.PYC_TAIL}"
    if rewrite._read_pyc(file, compiled) is None and rewrite.try_makedirs(folder):
        source_hash, code = rewrite._rewrite_test(file, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, compiled)
