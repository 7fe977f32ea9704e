"""`replay`: this version of the program decides again about the providers' answers in evidence packs, also in packs
of earlier versions, and reports each different decision.

`python -m tests.cli.test_replay` writes the packs of `tests/vectors/packs` again, and a day of today, which is
necessary only for a new kind of pack or call.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.app import open_console
from console.cli.replay import _prepare_payment_call
from console.domain.calendar_days import JST
from console.domain.payments.provider_messages import PaymentQuestion
from console.domain.provider_outcome import OutcomeClass
from console.providers.alarmbox import responses as alarmbox
from console.providers.http import answer_outcomes
from console.providers.payments.provider import PaymentProvider
from console.sandbox.server import Sandbox
from console.services.evidence import recorded_calls
from console.services.evidence.pack_archive import MANIFEST_NAME, compute_digest
from console.services.evidence.recorded_calls import RecordedCall, read_journal
from console.settings.settings import Settings
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import PayingTerminal
from tests.support.invented import invent_numbers

PACK_FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "packs"
BOUGHT_NUMBER, REFUSED_NUMBER, UNKNOWN_NUMBER = invent_numbers(3, seed=71)


def write_packs(folder: Path, home: Path, sandbox: Sandbox) -> None:
    """Write evidence packs of a successful, a refused and an unknown purchase, and of a refund at each gateway."""
    desk = PayingTerminal(home, sandbox)
    faults = (("status:422", REFUSED_NUMBER), ("status:503", UNKNOWN_NUMBER))
    desk.json("purchase", BOUGHT_NUMBER, "--client", "1")
    for fault, number in faults:
        sandbox.control.add_fault(fault, call="purchase", times=1)
        desk.json("purchase", number, "--client", "1")
    for record, name in ((1, "bought"), (2, "refused"), (3, "unknown")):
        if name == "unknown":
            desk.json("probe", "credit-check", str(record), ALARMBOX_FIND_PURCHASES="1")
        assert desk.json("show", "credit-check", str(record), "--pack", str(folder / f"{name}.zip")).status == 0
    for provider, number, minor in (("paypay", "ORD-7", 3300), ("atom", "ORD7", 330000)):
        payment = desk.make_booked_payment(number, minor, provider)
        refund = str(desk.request_refund(payment).data["id"])
        desk.decide_refund("approve", int(refund))
        desk.json("probe", "refund", refund)
        assert desk.json("show", "refund", refund, "--pack", str(folder / f"{provider}-refund.zip")).status == 0


def write_day(file: Path, home: Path, sandbox: Sandbox) -> None:
    """Work through a day of purchases, payments and refunds, some of which lose an answer or are refused, and write
    the evidence packs of its records to `file`.
    """
    desk = PayingTerminal(home, sandbox)
    faults = {"": BOUGHT_NUMBER, "status:422": REFUSED_NUMBER, "status:503": UNKNOWN_NUMBER}
    for fault, number in faults.items():
        if fault:
            sandbox.control.add_fault(fault, call="purchase", times=1)
        desk.json("purchase", number, "--client", "1")
    desk.json("probe", "credit-check", "3", ALARMBOX_FIND_PURCHASES="1")
    for provider, currency, number, minor in (("paypay", "JPY", "ORD-7", 3300), ("atom", "INR", "ORD7", 330000)):
        with open_console(Settings.load(desk.env)) as console:
            started = console.payments.start(desk.create_order(f"{number}1", minor, currency), provider).payment.id
        desk.json("probe", "payment", str(started))
        for fault in ("", "reset_after_charge"):
            payment = desk.make_booked_payment(f"{number}{len(fault)}", minor, provider)
            refund = str(desk.request_refund(payment).data["id"])
            if fault:
                sandbox.control.add_fault(fault, call=f"{provider}_refund", times=1)
            desk.decide_refund("approve", int(refund))
            desk.json("probe", "refund", refund)
    today = datetime.now(JST).date()
    assert desk.json("evidence", "--find", f"day:{today}", "--to", str(file)).status == 0


@pytest.fixture
def packs(tmp_path: Path, sandbox: Sandbox) -> Path:
    folder = tmp_path / "packs"
    folder.mkdir()
    write_packs(folder, tmp_path / "home", sandbox)
    return folder


def replay_pack(pack: Path, home: Path) -> dict[str, Any]:
    data: dict[str, Any] = Terminal({"CONSOLE_HOME": str(home)}).json("replay", str(pack)).data
    return data


def test_a_replay_by_the_version_that_wrote_a_pack_has_no_difference(packs: Path, tmp_path: Path) -> None:
    """A replay of each pack by the version that wrote it includes every stored answer of the providers, and reports
    no different decision.
    """
    for pack in sorted(packs.glob("*.zip")):
        result = replay_pack(pack, tmp_path)
        assert (result["differ"], result["skipped"]) == ([], 0), pack.name
        assert result["answers"], pack.name
        assert result["operations"] == 1, pack.name


def test_a_replay_of_a_bundle_covers_all_packs(tmp_path: Path, sandbox: Sandbox) -> None:
    """A replay of an evidence bundle, which the command `evidence` writes, includes all of its packs. An answer that
    is in two packs counts once.
    """
    desk = PayingTerminal(tmp_path / "home", sandbox)
    desk.json("purchase", BOUGHT_NUMBER, "--client", "1")
    payment = desk.make_booked_payment("ORD-7", 3300)
    refund = str(desk.request_refund(payment).data["id"])
    desk.decide_refund("approve", int(refund))
    kinds = {"check": "credit-check/1", "payment": f"payment/{payment}", "refund": f"refund/{refund}"}
    result_by_bundle = {}
    for name, records in {**{name: [record] for name, record in kinds.items()}, "all": [*kinds.values()]}.items():
        bundle = tmp_path / f"{name}.zip"
        assert desk.json("evidence", *records, "--to", str(bundle)).status == 0
        result_by_bundle[name] = replay_pack(bundle, tmp_path)
        assert (result_by_bundle[name]["differ"], result_by_bundle[name]["skipped"]) == ([], 0), name
    assert result_by_bundle["payment"]["answers"] <= result_by_bundle["refund"]["answers"]
    assert (
        result_by_bundle["all"]["answers"]
        == result_by_bundle["check"]["answers"] + result_by_bundle["refund"]["answers"]
    )
    assert (
        result_by_bundle["all"]["operations"]
        == result_by_bundle["check"]["operations"] + result_by_bundle["refund"]["operations"]
    )


@pytest.mark.nightly("the stored days are replayed by day")
def test_a_day_is_written_and_replayed(tmp_path: Path, sandbox: Sandbox) -> None:
    """`evidence --find day:D` writes the packs of the records of one day, with the answers of each provider. The
    replay skips only calls without an answer.
    """
    bundle = tmp_path / "day.zip"
    write_day(bundle, tmp_path / "home", sandbox)
    result = replay_pack(bundle, tmp_path)
    assert (result["differ"], result["answers"] >= 15, result["operations"] >= 9) == ([], True, True), result
    assert result["skipped"] <= 3, result


def test_the_pack_of_an_operation_replays_each_answer(tmp_path: Path, sandbox: Sandbox) -> None:
    """The pack of a purchase's operation has each answer twice: in the folder of the credit check and in that of the
    operation. A replay makes each call again with the facts of the credit check.
    """
    desk, record_pack, pack = PayingTerminal(tmp_path / "home", sandbox), tmp_path / "1.zip", tmp_path / "2.zip"
    desk.json("purchase", BOUGHT_NUMBER, "--client", "1")
    assert desk.json("show", "credit-check", "1", "--pack", str(record_pack)).status == 0
    (operation,) = read_journal(record_pack).operation_ids
    assert desk.json("show", "operation", operation, "--pack", str(pack)).status == 0
    result = replay_pack(pack, tmp_path)
    assert (result["differ"], result["skipped"], result["answers"]) == ([], 0, 3)


def test_the_probes_of_a_purchase_are_replayed(tmp_path: Path, sandbox: Sandbox) -> None:
    """A probe of an unknown purchase reads AlarmBox's list, and a probe of a bought one its report. A replay makes
    the call that was made, also after the first probe has given the credit check its id.
    """
    desk = PayingTerminal(tmp_path / "home", sandbox)
    sandbox.control.change_settings(offers_purchase_list=True)
    sandbox.control.add_fault("close_after_charge", call="purchase", times=1)
    desk.json("purchase", UNKNOWN_NUMBER, "--client", "1")
    for _ in range(2):
        assert desk.json("probe", "credit-check", "1", ALARMBOX_FIND_PURCHASES="1").status == 0
    pack = tmp_path / "probed.zip"
    assert desk.json("show", "credit-check", "1", "--pack", str(pack)).status == 0
    calls = [call for call in read_journal(pack).calls if call.call_name == "probe"]
    assert ["credit_checks" in json.loads(call.body or b"{}") for call in calls] == [True, False]
    result = replay_pack(pack, tmp_path)
    assert (result["differ"], result["answers"]) == ([], 2)
    assert result["skipped"] == 1  # the purchase without an answer


@pytest.mark.parametrize(("provider", "currency"), [("paypay", "JPY"), ("atom", "INR")])
def test_the_start_of_a_payment_is_replayed(provider: str, currency: str, tmp_path: Path, sandbox: Sandbox) -> None:
    """A replay of a started payment includes the call that returned the token or payment code, and the answer about
    the unpaid payment. The pack doesn't contain the token, which is a secret, so the replay uses an invented one.
    """
    desk = PayingTerminal(tmp_path / "home", sandbox)
    order = desk.create_order("ORD9", 3300, currency)
    with open_console(Settings.load(desk.env)) as console:
        payment = console.payments.start(order, provider).payment.id
    desk.json("probe", "payment", str(payment))
    pack = tmp_path / "started.zip"
    assert desk.json("show", "payment", str(payment), "--pack", str(pack)).status == 0
    result = replay_pack(pack, tmp_path)
    assert (result["differ"], result["skipped"], result["answers"]) == ([], 0, 2)


def test_an_answer_with_a_masked_payer_is_replayed(tmp_path: Path) -> None:
    """Atom's real answers have the payer's data as an object, and a pack contains a mask instead. The replay reads
    such a masked answer without a difference.
    """
    source, part = PACK_FOLDER / "atom-refund.zip", "answers/payment-2/000000000010.json"
    with zipfile.ZipFile(source) as pack:
        answer = json.loads(pack.read(part))
    answer["body"] = answer["body"].replace('"payDetails"', '"custDetails":"***","payDetails"')
    write_changed_pack(source, tmp_path / "masked.zip", part, json.dumps(answer))
    result = replay_pack(tmp_path / "masked.zip", tmp_path)
    assert (result["differ"], result["skipped"]) == ([], 0)


@pytest.mark.parametrize(
    ("call", "outcome", "reason"),
    [
        ("purchase", "UNKNOWN_NUMBER", "answer_cut"),
        ("purchase", "UNKNOWN_NUMBER", "old_answer"),
        ("purchase", "UNKNOWN_NUMBER", "earlier_id"),
        ("detail", "UNKNOWN_NUMBER", "other_number"),
        ("detail", "AUTH", "authorise_again"),
    ],
)
def test_an_outcome_that_the_stored_body_does_not_decide_is_skipped(
    call: str, outcome: str, reason: str, tmp_path: Path
) -> None:
    """A replay skips an answer that broke off, came from a cache, or was decided by our record or by an answer about
    tokens. It doesn't report that this version decides otherwise.
    """
    source = PACK_FOLDER / "bought.zip"
    with zipfile.ZipFile(source) as pack:
        events = json.loads(pack.read("timeline.json"))
    for event in events:
        if event["facts"].get("from") == f"alarmbox.{call}":
            event["facts"].update(outcome=outcome, reason=reason)
    write_changed_pack(source, tmp_path / "changed.zip", "timeline.json", json.dumps(events))
    result = replay_pack(tmp_path / "changed.zip", tmp_path)
    assert (result["differ"], result["skipped"], result["answers"]) == ([], 1, 2)


def test_an_answer_whose_bytes_were_replaced_is_skipped(tmp_path: Path) -> None:
    """A replay skips an answer that wasn't UTF-8: the stored text has other characters in place of its bytes."""
    source, part = PACK_FOLDER / "bought.zip", "answers/credit-check-1/000000000001.json"
    with zipfile.ZipFile(source) as pack:
        answer = json.loads(pack.read(part))
    answer["body"] = answer["body"].replace("2", "\ufffd", 1)
    write_changed_pack(source, tmp_path / "changed.zip", part, json.dumps(answer))
    result = replay_pack(tmp_path / "changed.zip", tmp_path)
    assert (result["differ"], result["skipped"]) == ([], 1)


@pytest.mark.parametrize("pack", sorted(PACK_FOLDER.glob("*.zip")), ids=lambda pack: pack.stem)
def test_packs_of_earlier_versions_are_decided_as_by_their_version(pack: Path, tmp_path: Path) -> None:
    """A replay of the stored packs of earlier versions reports no different decision. If this test fails, a decision
    about money has changed; an intended change needs a decision record.
    """
    assert replay_pack(pack, tmp_path)["differ"] == []


def test_packs_of_earlier_versions_exist() -> None:
    """The folder has packs of single records, and packs of days."""
    assert len(list(PACK_FOLDER.glob("*.zip"))) >= 6
    assert list(PACK_FOLDER.glob("day-*.zip"))


def test_a_replay_names_the_call_that_a_changed_rule_decides_otherwise(
    packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a changed rule takes a provider's refusal for an unknown outcome, the replay reports the call with that
    answer, its recorded and its present outcome.
    """
    table = {**answer_outcomes.PURCHASE_STATUS_CLASSES, 422: OutcomeClass.UNKNOWN}
    monkeypatch.setattr(alarmbox, "PURCHASE_STATUS_CLASSES", table)
    (difference,) = replay_pack(packs / "refused.zip", tmp_path)["differ"]
    assert difference["call"] == "alarmbox.purchase"
    assert (difference["recorded"]["outcome"], difference["now"]["outcome"]) == ("FAILED_DEFINITE", "UNKNOWN")
    assert difference["operation_id"]


@pytest.mark.parametrize(("provider", "day"), [("paypay", date(2026, 11, 20)), ("atom", date(2026, 11, 19))])
def test_a_replay_asks_about_a_payment_by_its_providers_day(provider: str, day: date) -> None:
    """A replay asks about a payment by its day in the provider's time zone: Japan for PayPay, India for Atom. At
    15:10 UTC these days differ.
    """
    payment = {
        "kind": "payment", "asked_minor": 500, "currency": "JPY", "begun_at": None, "by_code": True,
        "paid_at": "2026-11-19T15:10:00Z", "merchant_payment_id": "ORD-1",
    }  # fmt: skip
    call = RecordedCall(1, "", None, provider, "probe", payment, (), "SUCCEEDED", "paid", 200, {}, b"{}")
    questions: list[PaymentQuestion] = []
    ask = _prepare_payment_call(cast("PaymentProvider", SimpleNamespace(read_payment=questions.append)), call)
    assert ask is not None
    ask()
    assert [question.day for question in questions] == [day]


def test_a_damaged_pack_is_refused(packs: Path, tmp_path: Path) -> None:
    """`replay` refuses a damaged pack and a file that is no pack, like `audit verify --pack`."""
    broken = tmp_path / "broken.zip"
    shutil.copy(packs / "bought.zip", broken)
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    desk = Terminal({"CONSOLE_HOME": str(tmp_path)})
    for file in (broken, Path(__file__)):
        assert desk.json("replay", str(file)).exit_status_and_code == (3, "audit_broken")


def write_changed_pack(source: Path, target: Path, part: str, text: str) -> None:
    """Write a copy of the pack in which the file `part` has this text, and the manifest the hash of this file."""
    with zipfile.ZipFile(source) as pack:
        parts = {name: pack.read(name) for name in pack.namelist()}
    manifest = json.loads(parts.pop(MANIFEST_NAME))
    parts[part] = text.encode()
    for listed in manifest["files"]:
        content = parts[listed["name"]]
        listed.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    manifest["digest"] = compute_digest(manifest)
    with zipfile.ZipFile(target, "w") as pack:
        for name, content in {**parts, MANIFEST_NAME: json.dumps(manifest).encode()}.items():
            pack.writestr(name, content)


def make_changed_pack_part(part: str, before: str, after: str) -> tuple[str, str]:
    """Return the path and the changed text of the file `part` in the stored pack of a PayPay refund. The text has
    `after` in place of `before`.
    """
    with zipfile.ZipFile(PACK_FOLDER / "paypay-refund.zip") as pack:
        text = pack.read(part).decode()
    assert before in text
    return part, text.replace(before, after)


MALFORMED_PACK_FILES = {
    "deep": ("record.json", "[" * 200_000),
    "a deep story": ("timeline.json", '[{"a":' + "[" * 200_000),
    "no object": ("record.json", "[]"),
    "no record": ("record.json", '{"record": {}, "related": []}'),
    "a list for a story": ("timeline.json", "[[]]"),
    "an entry without fields": ("timeline.json", '[{"step": "answer"}]'),
    "a negative sum": make_changed_pack_part("record.json", '"asked_minor": 3300', '"asked_minor": -3300'),
    "no number": make_changed_pack_part("record.json", '"asked_minor": 3300', '"asked_minor": NaN'),
    "no sum at all": make_changed_pack_part("record.json", '"asked_minor"', '"other"'),
    "an unknown currency": make_changed_pack_part("record.json", '"JPY"', '"XXX"'),
    "no instant": make_changed_pack_part("record.json", '"2026-11-22T19:14:32Z"', '"yesterday"'),
    "no zone": make_changed_pack_part("record.json", '"2026-11-22T19:14:32Z"', '"2026-11-22T19:14:32"'),
    "before the calendar": make_changed_pack_part(
        "record.json", '"2026-11-22T19:14:32Z"', '"0001-01-01T00:00:00+14:00"'
    ),
    "a line in a number": make_changed_pack_part("record.json", '"ORD-7"', r'"ORD\u0000-7"'),
    "half a character": make_changed_pack_part("record.json", '"ORD-7"', r'"ORD\ud800"'),
    "no instant of an answer": make_changed_pack_part(
        "answers/payment-1/000000000006.json", '"2026-11-22T19:14:32Z"', '"\x1b[2J"'
    ),
    "no zone of an answer": make_changed_pack_part(
        "answers/payment-1/000000000006.json", '"2026-11-22T19:14:32Z"', '"0001-01-01 00:00:00"'
    ),
    "an id that is a list": make_changed_pack_part("answers/payment-1/000000000006.json", '"id": 6', '"id": [6]'),
}


@pytest.mark.parametrize("name", MALFORMED_PACK_FILES)
def test_a_pack_with_malicious_contents_is_refused(tmp_path: Path, name: str) -> None:
    """`replay` refuses packs that have a correct manifest but contents that this program never writes, as an attacker
    could make them.
    """
    pack = tmp_path / "made.zip"
    write_changed_pack(PACK_FOLDER / "paypay-refund.zip", pack, *MALFORMED_PACK_FILES[name])
    for words in (("--json",), ()):
        assert Terminal({"CONSOLE_HOME": str(tmp_path)})(*words, "replay", str(pack)).status == 3


def write_pack_with_answer(source: Path, target: Path, name: str, content: bytes) -> None:
    """Write a copy of the pack with one more file among its answers, listed in the manifest."""
    with zipfile.ZipFile(source) as pack:
        parts = {part: pack.read(part) for part in pack.namelist()}
    manifest = json.loads(parts.pop(MANIFEST_NAME))
    parts[name] = content
    manifest["files"].append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    manifest["digest"] = compute_digest(manifest)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as pack:
        for part, part_content in {**parts, MANIFEST_NAME: json.dumps(manifest).encode()}.items():
            pack.writestr(part, part_content)


def test_a_notice_with_the_id_of_an_answer_hides_no_answer(tmp_path: Path) -> None:
    """Notices and answers have separate numbers but are files in the same folder of a pack. If a notice has the same
    number as an answer, the replay still reads the answer.
    """
    original, pack = PACK_FOLDER / "paypay-refund.zip", tmp_path / "pack.zip"
    notice = {"id": 6, "kind": "payment", "of": "1", "event_id": "n", "type": "payment.succeeded", "body": "{}"}
    write_pack_with_answer(original, pack, "answers/payment-1/notice-000000000006.json", json.dumps(notice).encode())
    assert replay_pack(pack, tmp_path) == replay_pack(original, tmp_path)


def test_answers_that_unpack_to_far_more_are_refused(tmp_path: Path) -> None:
    """`replay` refuses a pack with an answer that unpacks to megabytes, because it reads all answers into memory."""
    fields = {"id": 999, "at": "2026-11-22T19:14:32Z", "source": "paypay.payment", "kind": "payment", "of": "1"}
    for body in ("x" * 2_000_000, [0] * 1_000_000):
        pack = tmp_path / "pack.zip"
        content = json.dumps({**fields, "summary": "", "body": body}).encode()
        write_pack_with_answer(
            PACK_FOLDER / "paypay-refund.zip", pack, "answers/payment-1/000000000999.json", content
        )
        terminal = Terminal({"CONSOLE_HOME": str(tmp_path)})
        assert terminal.json("replay", str(pack)).exit_status_and_code == (3, "audit_broken")


def read_timeline_with_repeated_answer(pack: Path, count: int) -> str:
    """Return the timeline of the pack as text, with the last event of an answer `count` times more."""
    with zipfile.ZipFile(pack) as opened:
        events = json.loads(opened.read("timeline.json"))
    return json.dumps(events + [[event for event in events if event["step"] == "answer"][-1]] * count)


def test_an_answer_is_replayed_once_however_often_the_timeline_names_it(tmp_path: Path) -> None:
    """If many events of a timeline are about one answer with a PDF, a replay decides about this answer once.
    Otherwise each event would take memory for the answer and its PDF, and a small pack could use up the memory."""
    original, pack = PACK_FOLDER / "bought.zip", tmp_path / "pack.zip"
    write_changed_pack(original, pack, "timeline.json", read_timeline_with_repeated_answer(original, 50))
    assert replay_pack(pack, tmp_path) == replay_pack(original, tmp_path)
    calls = read_journal(pack).calls
    assert len(calls) == len({call.evidence_id for call in calls})
    (pdf_call,) = [call for call in calls if call.pdf is not None]
    assert len(pdf_call.body or b"") < 1_000 < len(pdf_call.read_body())
    assert len({id(call.all_records) for call in calls}) == 1


@pytest.mark.parametrize(("limit_name", "limit"), [("_MAX_EVENTS", 50), ("LARGEST_DOCUMENT_BYTES", 100)])
def test_a_pack_beyond_a_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit_name: str, limit: int
) -> None:
    """`replay` refuses a pack with too many events, and one with a PDF that is larger than every stored PDF."""
    original, pack = PACK_FOLDER / "bought.zip", tmp_path / "pack.zip"
    write_changed_pack(original, pack, "timeline.json", read_timeline_with_repeated_answer(original, 50))
    monkeypatch.setattr(recorded_calls, limit_name, limit)
    terminal = Terminal({"CONSOLE_HOME": str(tmp_path)})
    assert terminal.json("replay", str(pack)).exit_status_and_code == (3, "audit_broken")


def test_a_pack_with_an_endless_operation_id_is_refused(tmp_path: Path) -> None:
    """`replay` refuses a timeline whose operation ids are longer than this program writes them."""
    original, pack = PACK_FOLDER / "bought.zip", tmp_path / "pack.zip"
    with zipfile.ZipFile(original) as opened:
        events = json.loads(opened.read("timeline.json"))
    events.append({**events[-1], "operation_id": "x" * 1_000})
    write_changed_pack(original, pack, "timeline.json", json.dumps(events))
    terminal = Terminal({"CONSOLE_HOME": str(tmp_path)})
    assert terminal.json("replay", str(pack)).exit_status_and_code == (3, "audit_broken")


def test_a_pipe_is_refused_as_a_pack(tmp_path: Path) -> None:
    """`replay` and `audit verify` refuse a named pipe as a pack; reading it would never end."""
    pipe = tmp_path / "pipe.zip"
    os.mkfifo(pipe)
    desk = Terminal({"CONSOLE_HOME": str(tmp_path)})
    for words in (("replay", str(pipe)), ("audit", "verify", "--pack", str(pipe))):
        assert desk.json(*words).exit_status_and_code == (2, "usage")


if __name__ == "__main__":
    PACK_FOLDER.mkdir(exist_ok=True)
    with Sandbox() as provider, tempfile.TemporaryDirectory() as place:
        write_packs(PACK_FOLDER, Path(place) / "home", provider)
        write_day(PACK_FOLDER / f"day-{datetime.now(JST).date()}.zip", Path(place) / "day", provider)
