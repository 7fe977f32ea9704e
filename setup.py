"""Puts `resources/` into the wheel, as `console/resources`; everything else is in pyproject.toml.

`resources/` is at the top level of the repository. If setuptools mapped it as a package at this place, the editable
install would be an import hook, which would slow down every start of the program (docs/decisions/0001).
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESOURCES = Path(__file__).resolve().parent / "resources"


class BuildWithResources(build_py):
    """Copies `resources/` into the built package. An editable install reads it where it is."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree(RESOURCES, Path(self.build_lib, "console", "resources"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithResources})
