"""Tests that the files which are delivered with the program are in the folders in which the program looks for
them.
"""

from console.resource_paths import resources_dir


def test_resources_are_found_from_the_package() -> None:
    """The program finds its fonts, styles and word catalogues relative to the package, and not relative to the
    current folder.
    """
    assert resources_dir().is_absolute()
    for folder in ("fonts", "style", "words"):
        assert (resources_dir() / folder).is_dir()
