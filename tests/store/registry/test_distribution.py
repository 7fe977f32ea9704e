"""Tests of the distribution of the team's registry: a worker publishes it in the folder of the documents, and desks
fetch it from that folder."""

import json
import shutil
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.store.documents.documents import Documents
from console.store.registry import distribution
from console.store.registry.distribution import fetch_registry, is_manifest_damage, publish_registry
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.registry_file import hold_import_lock
from console.store.registry.schema import FORMAT_VERSION
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file
from tests.support.bucket_server import BUCKET_NAME, OBJECT_PREFIX, start_bucket_server

NEXT_FILE_NAME = "00_zenkoku_all_20251128"


class PublishedRegistry:
    """A worker whose corporation registry the tests fill and publish. It has a folder for the registry, the folder of
    documents from which desks fetch the published registry, and files in the format of the registry's publisher.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder
        self.worker, self.root = folder / "worker", folder / "documents"
        self.documents = Documents(url or self.root.as_uri())

    def publish_companies(self, name: str, *companies: str) -> None:
        """Import a publisher's file with companies of these names into the worker's registry, and publish the
        registry.
        """
        path = write_file(
            self.folder, name, [make_row(index, name=company) for index, company in enumerate(companies)]
        )
        import_registry_files(self.worker, [path])
        publish_registry(self.worker, self.documents, [path])

    def fetch_names(self, desk: str) -> list[str]:
        """Let a desk fetch the team's registry, and return the names of the companies in the desk's registry."""
        fetch_registry(self.folder / desk, self.documents)
        return self.read_names(desk)

    def read_names(self, desk: str) -> list[str]:
        reader = open_registry(self.folder / desk)
        if reader is None:
            return []
        corporations = reader.find_many([make_corporation_number(index) for index in range(9)])
        reader.close()
        return [corporation.name for corporation in corporations.values()]

    def list_part_files(self) -> set[str]:
        return {path.name for path in self.root.glob("*/*.reg")}

    def read_manifest(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.root / "registry.json").read_bytes())
        return values


@pytest.fixture
def published_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedRegistry:
    monkeypatch.setattr(distribution, "PART_BYTES", 4096)
    return PublishedRegistry(tmp_path)


def test_a_desk_fetches_the_base_once_and_then_the_differences(published_registry: PublishedRegistry) -> None:
    """A desk fetches the base once and afterwards only the differences. After the next whole file the desk fetches
    the new base, and the worker deletes the parts of the former base."""
    assert published_registry.fetch_names("desk") == []
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲", "乙")
    assert fetch_registry(published_registry.worker, published_registry.documents) is None
    assert published_registry.fetch_names("desk") == ["甲", "乙"]
    base = published_registry.list_part_files()
    reader = open_registry(published_registry.folder / "desk")
    assert reader is not None
    published_registry.publish_companies("diff_20251104", "丙")
    published_registry.publish_companies("diff_20251105", "丁", "戊")
    differences = published_registry.list_part_files() - base
    assert base < published_registry.list_part_files()
    assert len(differences) == 2
    status = fetch_registry(published_registry.folder / "desk", published_registry.documents)
    assert status == reader.read_status()
    assert (reader.registry_date, published_registry.read_names("desk")) == (date(2025, 11, 5), ["丁", "戊"])
    assert {change.corporation_number for change in reader.list_changes(date(2025, 11, 5))} == {
        make_corporation_number(0),
        make_corporation_number(1),
    }
    assert fetch_registry(published_registry.folder / "desk", published_registry.documents) is None
    assert published_registry.fetch_names("late desk") == ["丁", "戊"]
    published_registry.publish_companies(NEXT_FILE_NAME, "己")
    assert published_registry.list_part_files() == {
        Path(part).name for part in published_registry.read_manifest()["base"]["parts"]
    }
    assert published_registry.list_part_files().isdisjoint(differences)
    assert published_registry.fetch_names("desk") == ["己"]
    assert reader.registry_date == date(2025, 11, 28)
    reader.close()
    assert sorted(path.name for path in (published_registry.folder / "desk").iterdir() if path.is_dir()) == [
        (published_registry.folder / "desk" / "current").read_text()
    ]


def test_differences_that_were_not_published_are_part_of_a_new_base(published_registry: PublishedRegistry) -> None:
    """If somebody has imported a difference on the worker's machine by hand, the worker publishes a new base next
    time, so that desks miss no change."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    published_registry.fetch_names("desk")
    import_registry_files(
        published_registry.worker, [write_file(published_registry.folder, "diff_20251104", [make_row(1, name="乙")])]
    )
    published_registry.publish_companies("diff_20251105", "丙")
    assert (
        len(published_registry.read_manifest()["base_files"]),
        published_registry.read_manifest()["differences"],
    ) == (3, [])
    assert published_registry.fetch_names("desk") == ["丙", "乙"]


def test_a_desk_keeps_its_newer_registry(published_registry: PublishedRegistry) -> None:
    """A desk whose own registry is newer than the published registry keeps its own registry."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    import_registry_files(
        published_registry.folder / "desk",
        [write_file(published_registry.folder, NEXT_FILE_NAME, [make_row(0, name="乙")])],
    )
    assert published_registry.fetch_names("desk") == ["乙"]


@pytest.mark.parametrize("is_suspended_late", [False, True])
def test_a_suspended_worker_replaces_no_later_registry(
    published_registry: PublishedRegistry, monkeypatch: pytest.MonkeyPatch, is_suspended_late: bool
) -> None:
    """A worker is suspended before it publishes its registry, or after it has stored the files (`is_suspended_late`).
    Meanwhile another worker publishes a registry of a later day. The first worker then changes nothing, and leaves no
    file of its own."""
    whole_file = write_file(published_registry.folder, WHOLE_FILE_NAME, [make_row(0, name="甲")])
    suspended_worker = published_registry.folder / "suspended"
    import_registry_files(suspended_worker, [whole_file])
    store_base = distribution._store_base

    def store_base_and_suspend(*arguments: Any) -> Any:
        manifest = store_base(*arguments)
        monkeypatch.setattr(distribution, "_store_base", store_base)
        published_registry.publish_companies(NEXT_FILE_NAME, "乙")
        return manifest

    if is_suspended_late:
        monkeypatch.setattr(distribution, "_store_base", store_base_and_suspend)
    else:
        published_registry.publish_companies(NEXT_FILE_NAME, "乙")
    publish_registry(suspended_worker, published_registry.documents, [whole_file])
    assert published_registry.read_manifest()["registry_date"] == "2025-11-28"
    listed_parts = published_registry.read_manifest()["base"]["parts"]
    assert published_registry.list_part_files() == {Path(part).name for part in listed_parts}
    assert published_registry.fetch_names("desk") == ["乙"]


@pytest.mark.parametrize("harm", ["part", "part missing", "hash", "manifest", "name", "bomb", "form"])
def test_damaged_published_files_are_refused(published_registry: PublishedRegistry, harm: str) -> None:
    """A desk refuses damaged published files and keeps its registry. When the files are repaired, the next fetch
    succeeds."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    published_registry.fetch_names("desk")
    published_registry.publish_companies(NEXT_FILE_NAME, "乙")
    manifest = published_registry.root / "registry.json"
    whole = manifest.read_bytes()
    values = published_registry.read_manifest()
    part = published_registry.root / values["base"]["parts"][3]
    content = part.read_bytes()
    if harm == "part":
        part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "part missing":
        part.unlink()
    elif harm == "manifest":
        manifest.write_bytes(whole[:-9])
    else:
        bomb = published_registry.documents.store(zlib.compress(b"0" * 99_999), "reg").path
        values["base"] |= {
            "hash": {"sha256": "0" * 64},
            "name": {"sha256": "../../../evil"},
            "bomb": {"parts": [bomb]},
            "form": {},
        }[harm]
        values["form"] += harm == "form"
        manifest.write_text(json.dumps(values))
    with pytest.raises(ConsoleError) as caught:
        fetch_registry(published_registry.folder / "desk", published_registry.documents)
    assert caught.value.code == (ErrorCode.BAD_PROFILE if harm == "form" else ErrorCode.NOT_FOUND)
    assert published_registry.read_names("desk") == ["甲"]
    part.write_bytes(content)
    manifest.write_bytes(whole)
    assert published_registry.fetch_names("desk") == ["乙"]


def test_a_registry_of_an_older_program_is_fetched_and_published_anew(published_registry: PublishedRegistry) -> None:
    """After an upgrade a desk still fetches the registry that a worker of the former program version has published,
    until a worker of the new version publishes it again."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    published_registry.publish_companies("diff_20251104", "乙")
    older = published_registry.read_manifest() | {"form": FORMAT_VERSION - 1}
    (published_registry.root / "registry.json").write_text(json.dumps(older))
    assert published_registry.fetch_names("desk") == ["乙"]
    publish_registry(published_registry.folder / "desk", published_registry.documents)
    assert (published_registry.read_manifest()["form"], published_registry.read_manifest()["differences"]) == (
        FORMAT_VERSION,
        [],
    )
    assert published_registry.fetch_names("other desk") == ["乙"]


MANIFEST_DAMAGE_BY_NAME: dict[str, dict[str, Any]] = {
    "day": {"registry_date": "2025-13-01"},
    "no day": {"registry_date": None},
    "no form": {"form": None},
    "hashes": {"base_files": [1]},
    "other key": {"more": 1},
    "parts without an order": {"base": {"name": "copy.db", "sha256": "0" * 64, "bytes": 1, "parts": {"a": "b"}}},
    **{
        f"name {name[:9]!r}": {"differences": [{"name": name, "sha256": "0" * 64, "bytes": 1, "parts": []}]}
        for name in ("", "..", "a/b", "a\0b", "名" * 99, "\udcff")
    },
}


@pytest.mark.parametrize("damage", [*MANIFEST_DAMAGE_BY_NAME, "cut", "deep"])
def test_a_damaged_manifest_is_refused_and_replaced(published_registry: PublishedRegistry, damage: str) -> None:
    """A desk refuses a damaged manifest; the next publication of the worker replaces it and creates a new base."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    manifest = published_registry.root / "registry.json"
    whole = manifest.read_bytes()
    if damage in MANIFEST_DAMAGE_BY_NAME:
        manifest.write_text(json.dumps(json.loads(whole) | MANIFEST_DAMAGE_BY_NAME[damage]))
    else:
        manifest.write_bytes(whole[:-9] if damage == "cut" else b"[" * 100_000)
    with pytest.raises(ConsoleError) as caught:
        published_registry.fetch_names("desk")
    assert (caught.value.code, is_manifest_damage(caught.value)) == (ErrorCode.NOT_FOUND, True)
    publish_registry(published_registry.worker, published_registry.documents)
    assert published_registry.read_manifest() == json.loads(whole)
    assert published_registry.fetch_names("desk") == ["甲"]


@pytest.mark.parametrize("more", [{}, {"more": 1}])
def test_a_newer_programs_manifest_is_not_replaced(
    published_registry: PublishedRegistry, more: dict[str, int]
) -> None:
    """A manifest of a newer program may have keys that this program doesn't know. The worker doesn't treat such a
    manifest as damaged, and doesn't replace it."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    newer = published_registry.read_manifest() | {"form": FORMAT_VERSION + 1, **more}
    (published_registry.root / "registry.json").write_text(json.dumps(newer))
    for act in (
        lambda: published_registry.fetch_names("desk"),
        lambda: publish_registry(published_registry.worker, published_registry.documents),
    ):
        with pytest.raises(ConsoleError) as caught:
            act()
        assert caught.value.code is ErrorCode.BAD_PROFILE
    assert published_registry.read_manifest() == newer


def test_fetched_parts_of_a_base_are_not_fetched_again(
    published_registry: PublishedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fetch was stopped or killed, the next fetch continues with the next part of the base."""
    published_registry.publish_companies(WHOLE_FILE_NAME, *(f"見本{index}" for index in range(9)))
    parts, fetched_parts = published_registry.read_manifest()["base"]["parts"], list[str]()
    read = published_registry.documents.read

    def read_and_record_path(path: str) -> bytes:
        fetched_parts.append(path)
        return read(path)

    monkeypatch.setattr(published_registry.documents, "read", read_and_record_path)
    with pytest.raises(ConsoleError) as caught:
        fetch_registry(
            published_registry.folder / "desk",
            published_registry.documents,
            should_stop=lambda: len(fetched_parts) == 3,
        )
    assert caught.value.code is ErrorCode.INTERRUPTED
    assert published_registry.read_names("desk") == []
    (half,) = (published_registry.folder / "desk" / "fetched").iterdir()
    with half.open("ab") as file:
        file.write(b"a part that was cut")
    assert len(published_registry.fetch_names("desk")) == 9
    assert fetched_parts == parts
    assert len(parts) > 6


def test_a_desk_fetches_two_differences_with_the_same_file_name(published_registry: PublishedRegistry) -> None:
    """A desk fetches and applies each of several differences, also if the worker imported files of one name from
    different folders."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    paths = []
    for csv_name, company in (("diff_20251104", "乙"), ("diff_20251105", "丙")):
        folder = published_registry.folder / csv_name
        folder.mkdir()
        paths.append(write_file(folder, csv_name, [make_row(0, name=company)]).rename(folder / "download.zip"))
    import_registry_files(published_registry.worker, paths)
    publish_registry(published_registry.worker, published_registry.documents, paths)
    assert published_registry.fetch_names("desk") == ["丙"]


def test_no_other_process_fetches_until_the_fetched_files_are_deleted(
    published_registry: PublishedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch holds the import lock during the import of differences, and until it has deleted the fetched files."""
    published_registry.publish_companies(WHOLE_FILE_NAME, "甲")
    published_registry.publish_companies("diff_20251104", "乙")
    delete, deleted = shutil.rmtree, list[Path]()

    def delete_under_lock(path: Path, **options: Any) -> None:
        with pytest.raises(ConsoleError) as caught, hold_import_lock(published_registry.folder / "desk"):
            pass
        assert caught.value.code is ErrorCode.IN_PROGRESS
        deleted.append(path)
        delete(path, **options)

    monkeypatch.setattr(shutil, "rmtree", delete_under_lock)
    assert published_registry.fetch_names("desk") == ["乙"]
    assert published_registry.folder / "desk" / "fetched" in deleted


def test_the_registry_is_distributed_by_a_bucket(tmp_path: Path) -> None:
    """In a bucket, as in a folder, the worker replaces the manifest and deletes old parts."""
    with start_bucket_server() as served:
        team = PublishedRegistry(tmp_path, f"gs://{BUCKET_NAME}/{OBJECT_PREFIX}")
        team.publish_companies(WHOLE_FILE_NAME, "甲")
        team.publish_companies("diff_20251104", "乙")
        assert team.fetch_names("desk") == ["乙"]
        team.publish_companies(NEXT_FILE_NAME, "丙")
        assert team.fetch_names("desk") == ["丙"]
        assert len([request for request in served.requests if request.startswith("DELETE")]) > 1
