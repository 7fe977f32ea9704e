"""A case's evidence pack: whole or not there, the same for the same facts, proven by hashes, nobody else's."""


import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import text

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.order_records import RefundRequest
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.services.evidence_pack import EvidencePacks, PackWritten
from console.services.pack_check import PackVerdict, verify_pack
from console.services.pack_file import digest_of, json_text
from console.settings import Settings
from console.store import people
from tests.support.children import Child
from tests.support.desks import environment
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.payment_desks import Scene
from tests.support.quick_desks import NOWHERE, HandClock, quick_desk, quick_folder
from tests.support.sql_server import SqlServer
from tests.support.teams import team

NUMBERS = numbers(3, seed=58)
PAYER = "payer-ref-81726354"
TEAM = {
    "op-a": "operator", "lead-b": "approver", "aud-e": "auditor", "adm-f": "admin", "robot": "worker",
}  # fmt: skip


@dataclass
class Bench:
    """A desk with one bought credit check, and a folder for packs."""

    console: Console
    record: CreditCheck
    folder: Path

    def pack(self, name: str = "case.zip", *, by: str = "aud-e", id: int | None = None) -> PackWritten:
        with self.console.acting(by):
            return self.console.recovery.evidence_pack("credit-check", id or self.record.id, self.folder / name)

    def sql(self, statement: str, **values: object) -> None:
        with self.console.database.attempt() as tx:
            tx.conn.execute(text(statement), values)

    def audited(self) -> list[tuple[Any, ...]]:
        with self.console.database.read() as conn:
            found = conn.execute(
                text(
                    "SELECT who, result, detail FROM audit_log WHERE what = 'evidence_pack.exported' ORDER BY id"
                )
            )
            return [tuple(row) for row in found]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with quick_folder() as home:
        console = quick_desk(home / "desk", LedgerVendor(), HandClock())
        with console:
            record = console.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))
            for name, role in TEAM.items():
                _add(console, Person(name, frozenset({role}), may_buy=role in ("operator", "approver")))
            (home / "packs").mkdir()
            yield Bench(console, record, home / "packs")


def _add(console: Console, person: Person) -> None:
    console.database.write(lambda tx: people.add(tx.conn, person))


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def rewrite(path: Path, changed: dict[str, bytes | None], *, listed: bool = False) -> Path:
    """The pack with these parts replaced (None: taken out); `listed`: with a manifest that agrees with them."""
    import hashlib

    contents = {name: content for name, content in (parts(path) | changed).items() if content is not None}
    if listed:
        manifest = json.loads(contents["manifest.json"])
        for one in manifest["files"]:
            content = contents[one["name"]]
            one |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        contents["manifest.json"] = json_text({**manifest, "digest": digest_of(manifest)})
    other = path.with_name("tampered.zip")
    with zipfile.ZipFile(other, "w") as pack:
        for name, content in contents.items():
            pack.writestr(name, content)
    return other


def whys(verdict: PackVerdict) -> set[tuple[str, str]]:
    return {(one.file, one.why) for one in verdict.problems}


def test_a_pack_has_everything_and_is_whole(bench: Bench) -> None:
    """Timeline in both languages and for programs, the record, answers, the PDF, audit rows, how to verify it."""
    written = bench.pack()
    contents = parts(Path(written.file))
    names = set(contents)
    assert {"audit.json", "record.json", "timeline.en.txt", "timeline.ja.txt", "timeline.json", "verify.txt"} <= names
    assert list(contents)[-1] == "manifest.json"
    assert [*contents][:-1] == sorted([*contents][:-1])
    assert any(name.startswith(f"answers/credit-check-{bench.record.id}/") for name in names)
    assert any(name.startswith("documents/") and contents[name].startswith(b"%PDF") for name in names)
    verdict = verify_pack(Path(written.file), written.sha256)
    assert verdict.whole, verdict.problems
    assert (verdict.files, written.files) == (len(names) - 1, len(names))
    assert verdict.rows == len(json.loads(contents["audit.json"])) - 2  # its form and one head
    assert json.loads(contents["record.json"])["record"]["credit_check_id"] == bench.record.credit_check_id
    assert (Path(written.file).stat().st_size, Path(written.file).stat().st_mode & 0o777) == (written.bytes, 0o600)


def test_the_same_facts_give_the_same_bytes(bench: Bench) -> None:
    """However often, later, and whoever has looked or exported meanwhile; a new fact changes it."""
    first = bench.pack("a.zip")
    bench.console.recovery.show("credit-check", bench.record.id)
    bench.console._desk.clock.sleep(90_000)
    with bench.console.acting("aud-e"):
        bench.console.recovery.story("credit-check", bench.record.id)
    second = bench.pack("b.zip")
    assert Path(first.file).read_bytes() == Path(second.file).read_bytes()
    with bench.console.acting("op-a"):
        bench.console.credit_checks.refetch(bench.record.id)
    assert bench.pack("c.zip").sha256 != first.sha256


def test_it_is_an_export_in_the_trail(bench: Bench) -> None:
    """Who exported, and the hash by which that very file can be known again."""
    written = bench.pack()
    ((who, result, detail),) = bench.audited()
    facts = json.loads(detail)
    assert (who, result, facts["sha256"], facts["bytes"]) == ("aud-e", "done", written.sha256, written.bytes)


@pytest.mark.parametrize(("who", "may"), [("aud-e", True), ("op-a", True), ("lead-b", True), ("adm-f", False),
                                          ("robot", False), ("nobody", False)])  # fmt: skip
def test_who_may_export(bench: Bench, who: str, may: bool) -> None:
    """Who may export the trail, or their own rows of it; a refusal writes no file, and is in the trail."""
    if may:
        assert bench.pack(by=who).bytes
        return
    with pytest.raises(ConsoleError) as caught:
        bench.pack(by=who)
    assert caught.value.code == "not_allowed"
    assert list(bench.folder.iterdir()) == []
    assert [row[:2] for row in bench.audited()] == [(who, "refused")]


def test_an_operators_pack_has_own_rows_alone(bench: Bench) -> None:
    """Rows of other people are there by their hashes; the auditor's pack has them all."""
    with bench.console.acting("lead-b"):
        bench.console.credit_checks.refetch(bench.record.id)
    lines = json.loads(parts(Path(bench.pack(by="lead-b").file))["audit.json"])
    assert {line["row"]["who"] for line in lines if "row" in line} == {"lead-b"}
    withheld = [line["withheld"] for line in lines if "withheld" in line]
    assert withheld
    assert all(set(row) == {"session", "seq", "id", "prev_hash", "hash", "anchor"} for row in withheld)
    assert verify_pack(bench.folder / "case.zip").whole
    every = json.loads(parts(Path(bench.pack("all.zip").file))["audit.json"])
    assert not [line for line in every if "withheld" in line]


def test_a_changed_byte_is_found_in_every_part(bench: Bench) -> None:
    """Each file by its hash, the manifest by its own."""
    path = Path(bench.pack().file)
    for name, content in parts(path).items():
        middle = len(content) // 2
        altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        verdict = verify_pack(rewrite(path, {name: altered}))
        assert {file for file, _ in whys(verdict)} >= {name}, name


def test_missing_added_and_doubled_parts_are_found(bench: Bench) -> None:
    """Nothing can be taken out of a pack or slipped into it."""
    path = Path(bench.pack().file)
    assert ("record.json", "missing") in whys(verify_pack(rewrite(path, {"record.json": None})))
    assert ("extra.txt", "not_listed") in whys(verify_pack(rewrite(path, {"extra.txt": b"x"})))
    assert ("../../evil", "bad_name") in whys(verify_pack(rewrite(path, {"../../evil": b"x"})))
    with zipfile.ZipFile(path, "a") as pack, pytest.warns(UserWarning, match="Duplicate name"):
        pack.writestr("record.json", b"another one")
    assert ("record.json", "bad_name") in whys(verify_pack(path))


@pytest.mark.parametrize("what", ["who", "at", "detail", "result", "prev_hash", "hash", "seq"])
def test_an_edited_audit_row_is_found(bench: Bench, what: str) -> None:
    """Also by somebody who puts the manifest right afterwards: the row's own hash, or the desk's, speaks."""
    path = Path(bench.pack().file)
    lines = json.loads(parts(path)["audit.json"])
    row = next(line["row"] for line in lines if "row" in line)
    row[what] = row[what] + 1 if isinstance(row[what], int) else "f" + row[what][1:] + "0"
    verdict = verify_pack(rewrite(path, {"audit.json": json.dumps(lines).encode()}, listed=True))
    assert verdict.problems
    assert {one.file for one in verdict.problems} == {"audit.json"}


def test_a_row_hashed_anew_is_not_what_the_desk_saw(bench: Bench) -> None:
    """A forger who computes every hash again still has the desk's anchors against them, and the trail's own hash."""
    from console.store.audit_chain import CONTENT, digest

    written = bench.pack()
    lines = json.loads(parts(Path(written.file))["audit.json"])
    row = [line["row"] for line in lines if "row" in line][-1]
    row["who"] = "somebody"
    row["hash"] = digest(row["prev_hash"], [row[name] for name in CONTENT])
    forged = rewrite(Path(written.file), {"audit.json": json.dumps(lines).encode()}, listed=True)
    assert ("audit.json", "replaced") in whys(verify_pack(forged))
    for line in lines:
        line.get("row", {})["anchor"] = []
        line.pop("head", None) if "head" in line else None
    assert (forged.name, "altered") in whys(verify_pack(forged, written.sha256))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """A verdict, never a crash."""
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    assert not verify_pack(file).whole
    assert not verify_pack(tmp_path / "none.zip").whole


def test_a_bomb_is_not_unpacked(bench: Bench) -> None:
    """A part that says it is larger than the list has it is not read."""
    path = Path(bench.pack().file)
    bomb = rewrite(path, {"record.json": b"\0" * 10_000_000})
    assert ("record.json", "altered") in whys(verify_pack(bomb))


HOSTILE = "../../../etc/passwd\r\n=cmd|' /C calc'!A0\x1b[2J\u202e\x00@SUM(A1)"


def test_hostile_texts_stay_texts(bench: Bench) -> None:
    """What a provider or a person wrote names no file, starts no line, and reaches no program unescaped."""
    bench.sql(
        "INSERT INTO evidence (subject_kind, subject_id, at, source, who, sha256, summary, body)"
        " VALUES ('credit-check', :of, '2026-11-20 03:00:00.000000', :evil, :evil, :evil, :evil, :evil)",
        of=bench.record.id, evil=HOSTILE.replace("\x00", ""),
    )  # fmt: skip
    bench.sql("UPDATE hansha_alarmbox_credit_checks SET company_name = :evil", evil=HOSTILE.replace("\x00", "")[:200])
    path = Path(bench.pack().file)
    verdict = verify_pack(path)
    assert verdict.whole, verdict.problems
    for name, content in parts(path).items():
        assert all(part not in ("", "..") for part in name.split("/"))
        assert name.isascii()
        if name.endswith((".json", ".txt")):
            lines = content.decode().splitlines()
            assert not [line for line in lines if line[:1] in "=+-@\t" and line]
            assert all(one.isprintable() for line in lines for one in line), name


def test_a_document_that_is_gone_or_too_large_is_said_to_be_left_out(bench: Bench) -> None:
    """The pack is written, and its manifest names what is not in it, with its hash and why."""
    small = EvidencePacks(bench.console._desk, largest=2_500)
    with bench.console.acting("aud-e"):
        written = small.write("credit-check", bench.record.id, bench.folder / "small.zip")
    manifest = json.loads(parts(Path(written.file))["manifest.json"])
    (left_out,) = [one for one in manifest["left_out"] if one["name"].startswith("documents/")]
    assert left_out["reason"] == "too_large"
    assert left_out["name"] in written.left_out
    assert verify_pack(Path(written.file)).whole
    for file in (bench.console.settings.home / "documents").rglob("*.pdf"):
        file.unlink()
    gone = json.loads(parts(Path(bench.pack("gone.zip").file))["manifest.json"])["left_out"]
    assert [one["reason"] for one in gone] == ["missing"]


def test_nothing_is_ever_replaced(bench: Bench) -> None:
    """A file of that name stays as it is; also a link that leads nowhere."""
    (bench.folder / "case.zip").write_bytes(b"mine")
    (bench.folder / "link.zip").symlink_to(bench.folder / "nowhere")
    for name in ("case.zip", "link.zip"):
        with pytest.raises(ConsoleError) as caught:
            bench.pack(name)
        assert (caught.value.code, caught.value.detail["problem"]) == ("usage", "file_exists")
    assert (bench.folder / "case.zip").read_bytes() == b"mine"
    assert bench.audited() == []


def test_no_room_or_no_folder(bench: Bench) -> None:
    """Told as such; nothing is left behind."""
    with pytest.raises(ConsoleError) as caught:
        bench.pack("none/case.zip")
    assert caught.value.code == "storage_full"
    assert list(bench.folder.iterdir()) == []


@pytest.mark.parametrize("unnamed", [True, False])
def test_two_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch, unnamed: bool) -> None:
    """Onto one name: one of them gets it, whole; the other is told. Nothing else is left in the folder."""
    if not unnamed:
        monkeypatch.setattr("console.services.pack_file._UNNAMED", 0)
    start, endings = Barrier(4), []

    def export() -> None:
        start.wait()
        try:
            bench.pack()
            endings.append("done")
        except ConsoleError as refusal:
            endings.append(refusal.code)

    threads = [Thread(target=export) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["done", "usage", "usage", "usage"]
    assert [file.name for file in bench.folder.iterdir()] == ["case.zip"]
    assert verify_pack(bench.folder / "case.zip").whole


def test_where_files_without_a_name_and_hard_links_are_unknown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """On such file systems too: whole, never replacing, nothing left behind."""
    monkeypatch.setattr("console.services.pack_file._UNNAMED", 0)

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert verify_pack(Path(bench.pack().file)).whole
    with pytest.raises(ConsoleError):
        bench.pack()
    assert [file.name for file in bench.folder.iterdir()] == ["case.zip"]


def export_and_die(pipe: Connection, home: Path, folder: Path, record_id: int, point: str) -> None:
    settings = Settings.load(environment(home, NOWHERE, OPERATOR="aud-e", FAILPOINT=f"{point}:1:kill"))
    with open_console(settings, None, LedgerVendor()) as console:
        console.recovery.evidence_pack("credit-check", record_id, folder / "case.zip")
    pipe.send("not killed")


@pytest.mark.parametrize("point", ["after_pack_written", "before_pack_named"])
def test_killed_while_writing_leaves_no_half_file(bench: Bench, point: str) -> None:
    """No file, or a whole one; and the next export goes through."""
    home = bench.console.settings.home
    child = Child(export_and_die, home, bench.folder, bench.record.id, point)
    assert child.ended() == -9
    assert list(bench.folder.iterdir()) == []
    assert len(bench.audited()) == (1 if point == "before_pack_named" else 0)
    assert verify_pack(Path(bench.pack().file)).whole


def test_a_refunds_pack_on_every_engine(scene: Scene) -> None:
    """Order, payment and refund together, notices included; nothing of another order; payers masked."""
    mine, theirs = (_refunded(scene, number) for number in ("ORD-MINE", "ORD-THEIRS"))
    scene.place.unguard("payments")
    scene.place.unguard("payment_events")
    scene.place.sql(
        f"UPDATE payments SET payer_ref = '{PAYER}'",
        f"UPDATE payment_events SET body = '{{\"payer\":\"{PAYER}\"}}' WHERE payment_id IS NOT NULL",
    )
    with _folder() as folder:
        written = scene.console.recovery.evidence_pack("refund", mine, folder / "case.zip")
        verdict = verify_pack(Path(written.file), written.sha256)
        contents = parts(Path(written.file))
    assert verdict.whole, verdict.problems
    assert verdict.rows
    whole = b"".join(contents.values())
    assert b"ORD-MINE" in whole
    assert b"ORD-THEIRS" not in whole
    assert PAYER.encode() not in whole
    assert b"****6354" in contents["record.json"]
    assert any("/notice-" in name for name in contents)
    assert {one["kind"] for one in json.loads(contents["record.json"])["related"]} == {"order", "payment"}
    assert mine != theirs


@pytest.mark.timeout(150)  # the server's start
def test_accounts_have_the_rights_for_it(mariadb_server: SqlServer) -> None:
    """What the database gives to auditors is enough for every row of the trail, to operators for their own; the
    worker's account and the administrator's are refused.
    """
    whose: dict[str, object] = {}
    with team(mariadb_server) as people, _folder() as folder:
        shared = (folder / "documents").as_uri()

        def at_desk(who: str) -> Console:
            url = people.urls[who]
            return quick_desk(folder / who, LedgerVendor(), DATABASE_URL=url, DOCUMENTS_URL=shared, OPERATOR="")

        with at_desk("op-a") as desk:
            record = desk.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))
        for who in ("aud-e", "lead-b", "worker", "adm-f"):
            with at_desk(who) as desk:
                file = folder / f"{who}.zip"
                try:
                    desk.recovery.evidence_pack("credit-check", record.id, file)
                    assert desk.recovery.story("credit-check", record.id).events
                    audit: Any = verify_pack(file).about["audit"]
                    whose[who] = (verify_pack(file).whole, audit["rows"] > 0, audit["withheld"] > 0)
                except ConsoleError as refusal:
                    whose[who] = refusal.code
    refused = "not_allowed"
    assert whose == {
        "aud-e": (True, True, False), "lead-b": (True, False, True), "worker": refused, "adm-f": refused,
    }  # fmt: skip


def test_no_secret_is_in_a_pack(scene: Scene) -> None:
    """None of what the desk keeps to itself: keys, passwords, tokens."""
    refund = _refunded(scene, "ORD-1")
    with _folder() as folder:
        written = scene.console.recovery.evidence_pack("refund", refund, folder / "case.zip")
        whole = b"".join(parts(Path(written.file)).values())
    environment = scene.console.settings
    for name in ("PAYPAY_API_KEY", "PAYPAY_API_SECRET", "STORE_KEY", "ALARMBOX_CLIENT_SECRET"):
        secret = environment.secret(name) if name != "STORE_KEY" else environment.store_key()
        assert secret, name
        assert secret.encode() not in whole, name


def test_many_answers_are_written_in_flat_memory(bench: Bench) -> None:
    """The pack grows, the process holds a page of it."""
    import tracemalloc

    from console.store.schema import evidence

    bench.sql("INSERT INTO orders (id, merch_txn_id, total_amount, currency) VALUES (7, 'ORD-7', 1, 'JPY')")
    row = {"subject_kind": "order", "subject_id": 7, "source": "paypay.payment", "who": "op-a", "sha256": "0" * 64,
           "summary": "s", "at": bench.console._desk.now().replace(tzinfo=None)}  # fmt: skip
    with bench.console.database.attempt() as tx:
        tx.conn.execute(evidence.insert(), [{**row, "body": f"{n:05}" * 4_000} for n in range(800)])
    tracemalloc.start()
    with bench.console.acting("aud-e"):
        written = bench.console.recovery.evidence_pack("order", 7, bench.folder / "case.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.files > 800
    assert peak < 10_000_000, f"{peak:,} bytes"


@contextmanager
def _folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


def _refunded(scene: Scene, number: str) -> int:
    payment = scene.payments.start(scene.order(number, 3_300), "paypay").payment
    scene.money.move("paypay", number, "paid")
    scene.deliver("paypay", number)
    scene.run_due()
    return scene.console.refunds.request(RefundRequest(payment.id, "1000", "sent back")).id


def test_json_text_shows_nothing_unseen() -> None:
    """Direction marks and control characters are escaped; what is there can be read back."""
    made = json_text({"a": "x\u202ey\x1b\x9b日本"})
    assert made.isascii() is False
    assert json.loads(made) == {"a": "x\u202ey\x1b\x9b日本"}
    assert all(one.isprintable() or one == "\n" for one in made.decode())


