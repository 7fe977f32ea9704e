"""Tests of the site of the guides: each guide is in its menu, the site builds without a broken link, and a search
finds Japanese text.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_each_guide_is_in_the_menu() -> None:
    """Each guide is in the menu of the site. Decision records needn't be, because links and the search lead to
    them.
    """
    menu = re.findall(r"[\w/-]+\.md", (ROOT / "properdocs.yml").read_text("utf-8"))
    docs = ROOT / "docs"
    guides = {file.relative_to(docs).as_posix() for file in docs.rglob("*.md") if file.parent.name != "decisions"}
    assert sorted(menu) == sorted(guides)


def test_each_fence_of_a_code_block_is_valid_for_the_site() -> None:
    """Each fence of a code block (three backquotes) is at the beginning of a line, with at most one word after it.
    The site's parser would take any other fence for text, and the text after the block for code. In a list, a code
    block is indented instead.
    """
    fences = re.compile(r"^ *(?:```|~~~).*$", re.MULTILINE)
    pages = sorted((ROOT / "docs").rglob("*.md"))
    wrong = [
        (page.name, fence)
        for page in pages
        for fence in fences.findall(page.read_text("utf-8"))
        if not re.fullmatch(r"```[\w#.+-]*", fence)
    ]
    assert wrong == []


@pytest.mark.soak
def test_the_site_builds_and_finds_japanese() -> None:
    """The site builds without a broken link (`make docs` would end with an error), its search finds Japanese words,
    and none of its parts comes from another host.
    """
    subprocess.run(["make", "-s", "docs"], cwd=ROOT, check=True)
    site = ROOT / "build" / "site"
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    assert index["config"]["lang"] == ["en", "ja"]
    assert any("結果不明" in page["text"] for page in index["docs"])
    assert {"lunr.ja.js", "tinyseg.js"} <= {file.name for file in (site / "search").iterdir()}
    for page in site.rglob("*.html"):
        assert re.findall(r'(?:src|<link[^>]*href)="(?:https?:)?//', page.read_text("utf-8")) == [], page
