"""The files that are delivered with the program are where the program looks for them."""

from console.resource_paths import resources_dir


def test_resources_are_found_from_the_package() -> None:
    """Fonts, styles and word catalogues are found from the package itself, not from the current folder."""
    assert resources_dir().is_absolute()
    for folder in ("fonts", "style", "words"):
        assert (resources_dir() / folder).is_dir()
