"""The corporation registry at the terminal: import, status and changes, the registry's facts in a lookup, its names
in lists, and the warnings before a purchase.
"""

import json
import shlex
import signal
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli.registry import _ImportProgressWriter
from console.domain.registry.facts import REGISTRY_LICENCE, REGISTRY_PUBLISHER
from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal
from tests.cli.paying_terminal import PayingTerminal
from tests.support.registries import (
    CLOSED_NUMBER,
    HOSTILE_NUMBER,
    MERGED_NUMBER,
    MIDDLE_NUMBER,
    NEW_NAME,
    NUMBER_OF_IMAGE_NAME,
    OPEN_NAME,
    OPEN_NUMBER,
    SUCCESSOR_NUMBER,
    write_renaming_difference,
    write_small_whole_file,
)

NUMBER_UNKNOWN_TO_REGISTRY = "2000012010019"


@dataclass
class RegistryDesk:
    """A desk with the gateways PayPay and Atom and an imported corporation registry. `output_before_import` has the
    output of commands from before the import, by names that the fixture `desk` chooses.
    """

    terminal: PayingTerminal
    sandbox: Sandbox
    folder: Path
    output_before_import: dict[str, str]
    whole_file: Path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryDesk]:
    """Yield a desk with an imported corporation registry; its `output_before_import` has the output of commands from
    before the import.
    """
    folder = tmp_path_factory.mktemp("registry")
    with Sandbox() as sandbox:
        terminal = PayingTerminal(folder / "home", sandbox)
        without = {
            "status": terminal("registry", "status").out.decode(),
            "find": terminal("registry", "find", "架空").out.decode(),
            "number": terminal("lookup", OPEN_NUMBER).out.decode(),
            "name": terminal("lookup", "架空商事").err,
            "json": json.dumps(terminal.json("lookup", OPEN_NUMBER).data),
            "status.json": json.dumps(terminal.json("registry", "status").data),
            "status of a name": str(terminal.json("lookup", "架空商事").exit_status_and_code),
        }
        whole = write_small_whole_file(folder)
        terminal.json("registry", "import", str(whole)).data  # noqa: B018  # fails unless it succeeded
        yield RegistryDesk(terminal, sandbox, folder, without, whole)


def test_commands_work_without_a_registry(desk: RegistryDesk) -> None:
    """While no registry is imported, the commands about companies say how to import one, or print empty results."""
    for name in ("status", "find", "number", "name"):
        assert "registry import FILE" in desk.output_before_import[name], name
    assert json.loads(desk.output_before_import["json"])["corporation"] is None
    empty = json.loads(desk.output_before_import["status.json"])
    assert (empty["registry_date"], empty["rows"], empty["files"]) == (None, 0, [])
    assert desk.output_before_import["status of a name"] == "(2, 'invalid_corporation_number')"


def test_a_lookup_has_the_registry_facts_of_the_number(desk: RegistryDesk) -> None:
    """`lookup` returns the corporation's registry facts in JSON exactly as published, and in text with their date,
    publisher and licence.
    """
    corporation = desk.terminal.json("lookup", OPEN_NUMBER).data["corporation"]
    expected = {
        "name": OPEN_NAME,
        "furigana": "カクウショウジ",
        "address": "東京都千代田区霞が関３丁目１－１",
        "kind": "301",
        "closed": None,
        "successor": None,
        "registry_date": "2026-10-30",
    }
    assert {name: corporation[name] for name in expected} == expected
    text = desk.terminal("lookup", OPEN_NUMBER, LANGUAGE="ja").out.decode()
    for part in (OPEN_NAME, "カクウショウジ", "2015-10-05", "2026-10-30 時点", REGISTRY_PUBLISHER, REGISTRY_LICENCE):
        assert part in text


def test_a_merger_is_followed_to_the_last_successor(desk: RegistryDesk) -> None:
    corporation = desk.terminal.json("lookup", MERGED_NUMBER).data["corporation"]
    assert corporation["closed"] == {"date": "2026-04-01", "cause": "11"}
    assert corporation["successor"] == MIDDLE_NUMBER
    assert [one["corporation_number"] for one in corporation["successors"]] == [MIDDLE_NUMBER, SUCCESSOR_NUMBER]
    (predecessor,) = desk.terminal.json("lookup", SUCCESSOR_NUMBER).data["corporation"]["predecessors"]
    assert predecessor["corporation_number"] == MIDDLE_NUMBER
    text = desk.terminal("lookup", MERGED_NUMBER).out.decode()
    assert "2026-04-01, merger" in text
    assert "承継合同会社" in text


def test_a_lookup_reports_a_number_missing_in_the_registry(desk: RegistryDesk) -> None:
    assert desk.terminal.json("lookup", NUMBER_UNKNOWN_TO_REGISTRY).data["corporation"] is None
    assert (
        "registry of 2026-10-30 does not have this number"
        in desk.terminal("lookup", NUMBER_UNKNOWN_TO_REGISTRY).out.decode()
    )


def test_a_purchase_for_a_closed_company_is_made_with_a_warning(desk: RegistryDesk) -> None:
    """A purchase for a closed or merged company is made. Before the purchase, the command says on stderr that the
    company is closed, or names its successor.
    """
    merged = desk.terminal.json("purchase", MERGED_NUMBER, "--client", "1")
    assert merged.status == 0
    assert merged.data["corporation"]["successors"][-1]["corporation_number"] == SUCCESSOR_NUMBER
    assert SUCCESSOR_NUMBER in merged.err.replace(" ", "")  # grouped, as on the screens
    closed = desk.terminal("purchase", CLOSED_NUMBER, "--client", "1")
    assert (closed.status, "was closed on 2026-06-01 (end of liquidation)" in closed.err) == (0, True)
    assert desk.terminal("purchase", SUCCESSOR_NUMBER, "--client", "1").err == ""
    shown = desk.terminal("show", "credit-check", str(merged.data["id"])).out.decode()
    assert "Name on our record" in shown
    assert "On record" in shown, "the successor has a record by now"


def test_rows_without_a_provider_s_name_have_the_official_one_marked(desk: RegistryDesk) -> None:
    """A failed purchase, a payment and a refund have no name from a provider. Queue, `show` and JSON print the
    official name of the corporation registry, marked as such.
    """
    desk.sandbox.control.add_fault("status:503", call="purchase", times=1)
    assert desk.terminal("purchase", HOSTILE_NUMBER, "--client", "2").status == 4
    (item,) = desk.terminal.json("queue", "unknown").data["items"]
    assert item["company_name"] is None
    assert item["registry_name"]["registry_date"] == "2026-10-30"
    listed = desk.terminal("queue", "unknown").out.decode()
    assert "(registry)" in listed
    assert REGISTRY_PUBLISHER in listed
    assert "\u202e" not in listed, "a mark of direction is shown as such, not obeyed"

    payment = desk.terminal.make_booked_payment()
    refund = desk.terminal.request_refund(payment).data["id"]
    for kind, record_id in (("payment", payment), ("refund", refund)):
        shown = desk.terminal.json("show", kind, str(record_id)).data
        assert shown["registry_name"] == {"name": OPEN_NAME, "registry_date": "2026-10-30"}
        assert shown["corporation"]["name"] == OPEN_NAME
        assert OPEN_NAME in desk.terminal("show", kind, str(record_id)).out.decode()
    (waiting,) = desk.terminal.json("queue", "refunds").data["items"]
    assert waiting["registry_name"]["name"] == OPEN_NAME
    operation = desk.terminal.json("show", "payment", str(payment)).data["operation_id"]
    assert operation is None or desk.terminal.json("show", "operation", operation).status == 0


def test_a_name_published_as_an_image_is_stated_as_such(desk: RegistryDesk) -> None:
    """If the registry publishes a corporation's name only as an image, the row of a list says so in the place of the
    name, without "(registry)", the mark of names from the registry.
    """
    with Sandbox() as sandbox:
        terminal = PayingTerminal(desk.folder / "image", sandbox)
        terminal.json("registry", "import", str(desk.whole_file)).data  # noqa: B018  # fails unless it succeeded
        sandbox.control.add_fault("status:503", call="purchase", times=1)
        assert terminal("purchase", NUMBER_OF_IMAGE_NAME, "--client", "3").status == 4
        for language, note in (("en", "(name published only as an image)"), ("ja", "名称は画像でのみ公表")):
            listed = terminal("queue", "unknown", LANGUAGE=language).out.decode()
            assert note in listed.splitlines()[0], "beside the record"
            assert "(registry)" not in listed.splitlines()[0]


def test_a_pack_names_the_registrys_publisher_date_and_licence(desk: RegistryDesk) -> None:
    """`registry.json` and the timelines of an evidence pack name the registry's publisher, date and licence, and the
    pack can be verified.
    """
    pack = desk.folder / "case.zip"
    desk.terminal.json("purchase", NUMBER_UNKNOWN_TO_REGISTRY, "--client", "1")
    record = desk.terminal.json("purchase", OPEN_NUMBER, "--client", "1").data["id"]
    desk.terminal.json("show", "credit-check", str(record), "--pack", str(pack)).data  # noqa: B018  # it succeeds
    with zipfile.ZipFile(pack) as archive:
        registry_facts = json.loads(archive.read("registry.json"))
        head = archive.read("timeline.ja.txt").decode().splitlines()[:4]
    assert (registry_facts["source"], registry_facts["licence"], registry_facts["registry_date"]) == (
        REGISTRY_PUBLISHER,
        REGISTRY_LICENCE,
        "2026-10-30",
    )
    assert registry_facts["corporation"]["name"] == OPEN_NAME
    assert any(OPEN_NAME in line and REGISTRY_PUBLISHER in line for line in head)
    assert desk.terminal.json("audit", "verify", "--pack", str(pack)).status == 0


def test_a_difference_is_imported_once_and_lists_its_changes(desk: RegistryDesk) -> None:
    """A difference is imported once; a repeated request id imports nothing. `registry status` lists both files.
    `registry changes` lists the changed company that has records here. The audit trail has the import and the
    refusal.
    """
    terminal, difference = (
        PayingTerminal(desk.folder / "second", desk.sandbox),
        write_renaming_difference(desk.folder),
    )
    terminal.json("registry", "import", str(desk.whole_file)).data  # noqa: B018  # it succeeds
    assert terminal.json("registry", "changes", "--since", "2026-11-01").data["items"] == []
    terminal.make_booked_payment("ORD-9", 3300)
    assert terminal.json("registry", "import", str(difference), "--request-id", "once").status == 0
    again = terminal.json("registry", "import", str(difference), "--request-id", "once")
    assert again.data["duplicate"] is True
    assert terminal.json("registry", "import", str(difference)).exit_status_and_code == (3, "registry_order")
    status = terminal.json("registry", "status").data
    assert (status["registry_date"], len(status["files"])) == ("2026-11-02", 2)
    assert [file["kind"] for file in status["files"]] == ["whole", "difference"]
    assert status["source"] == REGISTRY_PUBLISHER
    (change,) = terminal.json("registry", "changes", "--since", "2026-11-01").data["items"]
    assert (change["corporation_number"], change["facts"]) == (OPEN_NUMBER, ["name"])
    assert (change["before"]["name"], change["after"]["name"]) == (OPEN_NAME, NEW_NAME)
    assert f"{OPEN_NAME} → {NEW_NAME}" in terminal("registry", "changes", "--since", "2026-11-01").out.decode()
    assert terminal.json("registry", "changes", "--since", "2026-11-03", "--all").data["items"] == []
    assert terminal.json("registry", "changes", "--since", "soon").exit_status_and_code == (2, "usage")
    entries = terminal.json("audit", "list", "--limit", "5").data["entries"]
    assert {"registry.imported", "registry.import"} <= {entry["what"] for entry in entries}


def test_changes_before_the_whole_file_are_unknown(tmp_path: Path) -> None:
    """`registry changes` since a day before the last whole file doesn't say that nothing has changed: it names the
    day from which the registry has all changes, in JSON as `complete_since`."""
    terminal = Terminal({"CONSOLE_HOME": str(tmp_path / "home")})
    terminal.json("registry", "import", str(write_small_whole_file(tmp_path)))
    words = ("registry", "changes", "--all", "--since")
    assert terminal.json(*words, "2026-10-01").data["complete_since"] == "2026-10-31"
    text = terminal(*words, "2026-10-01").out.decode()
    assert "Differences are here only since 2026-10-31" in text
    assert "Nothing has changed" not in text
    later_text = terminal(*words, "2026-10-31").out.decode()
    assert "Nothing has changed since 2026-10-31" in later_text
    assert "Differences are here" not in later_text
    assert "2026-10-31 以降" in terminal(*words, "2026-10-01", LANGUAGE="ja").out.decode()


def test_a_bad_file_changes_nothing(desk: RegistryDesk) -> None:
    """The import of a file that is no ZIP archive is refused, and the imported registry stays."""
    bad = desk.folder / "00_zenkoku_all_20261130.zip"
    bad.write_bytes(b"PK not a zip")
    before = desk.terminal.json("registry", "status").data
    refused = desk.terminal.json("registry", "import", str(bad))
    assert refused.exit_status_and_code == (2, "bad_registry_file")
    assert refused.error["detail"]["file"] == bad.name
    assert desk.terminal.json("registry", "status").data == before


def test_a_week_number_is_refused_as_a_day(desk: RegistryDesk) -> None:
    assert desk.terminal.json("registry", "changes", "--since", "2026-W44-1").exit_status_and_code == (2, "usage")


def test_an_import_stopped_by_ctrl_c_continues_later(desk: RegistryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C during an import ends the command with exit status 6 and the code `interrupted`, and the registry stays
    unchanged. The same command imports the file afterwards.
    """
    terminal = PayingTerminal(desk.folder / "stopped", desk.sandbox)
    signals = iter([signal.SIGINT])

    def raise_signals(_lines: object, _progress: object) -> None:
        for number in signals:
            signal.raise_signal(number)

    with monkeypatch.context() as patched:
        patched.setattr(_ImportProgressWriter, "show_progress", raise_signals)
        stopped = terminal.json("registry", "import", str(desk.whole_file))
    assert stopped.exit_status_and_code == (6, "interrupted")
    assert terminal.json("registry", "status").data["registry_date"] is None
    assert terminal.json("registry", "import", str(desk.whole_file)).data["registry_date"] == "2026-10-30"


def test_an_import_prints_its_progress_on_stderr(desk: RegistryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import prints its progress on stderr, with the file and its rows; stdout has the answer alone."""
    monkeypatch.setattr("console.cli.registry._SECONDS_BETWEEN_PROGRESS_LINES", 0.0)
    terminal = PayingTerminal(desk.folder / "progress", desk.sandbox)
    imported = terminal.json("registry", "import", str(desk.whole_file))
    assert imported.data["rows"] == 27
    assert f"{desk.whole_file.name}: row 27 of 27" in imported.err


def test_corporations_are_found_by_name_reading_and_postcode(desk: RegistryDesk) -> None:
    """`find` and `registry find` find a corporation by its name, reading or postcode, in one text or several words,
    and within a prefecture; corporations with records here come first.
    """
    terminal = desk.terminal
    (item,) = terminal.json("registry", "find", "架空商事").data["items"]
    expected = {"corporation_number": OPEN_NUMBER, "name": OPEN_NAME, "furigana": "カクウショウジ", "kind": "301"}
    assert {name: item[name] for name in expected} == expected
    assert {"address", "closed", "successor", "ours"} <= item.keys()
    for words in (
        ["カクウショウジ"],
        ["かくうしょうじ", "千代田区"],
        ["㈱架空商事"],
        ["架空商事", "--prefecture", "東京都"],
    ):
        assert [one["corporation_number"] for one in terminal.json("find", *words).data["items"]] == [OPEN_NUMBER], (
            words
        )
    assert terminal.json("find", "架空商事", "--prefecture", "大阪府").data["items"] == []
    answer = terminal.json("registry", "find", "100-0013").data
    assert answer["registry_date"] == "2026-10-30"
    assert {one["corporation_number"] for one in answer["items"]} >= {OPEN_NUMBER, MERGED_NUMBER, SUCCESSOR_NUMBER}
    assert len(terminal.json("registry", "find", "100-0013", "--limit", "2").data["items"]) == 2
    terminal.json("purchase", MIDDLE_NUMBER, "--client", "1")
    first = terminal.json("find", "100-0013").data["items"][0]
    assert first["ours"] is True
    text = terminal("find", "100-0013").out.decode()
    assert REGISTRY_PUBLISHER in text
    assert "On record" in text
    assert "\u202e" not in text


def test_a_shortened_answer_reports_its_limit(desk: RegistryDesk) -> None:
    """If a search has more matches than the limit, JSON has `has_more` or the list's name in `more`, and the text
    says so in both languages.
    """
    terminal = desk.terminal
    cut = terminal.json("find", "100-0013", "--limit", "2").data
    assert (len(cut["items"]), cut["has_more"], cut["more"]) == (2, True, ["items"])
    assert terminal.json("registry", "find", "100-0013", "--limit", "2").data["has_more"] is True
    whole = terminal.json("find", "100-0013").data
    assert (whole["has_more"], whole["more"]) == (False, [])
    exactly = terminal.json("registry", "find", "100-0013", "--limit", str(len(whole["items"]))).data
    assert (len(exactly["items"]), exactly["has_more"]) == (len(whole["items"]), False)
    for command, language, said in (
        (["registry", "find"], "en", "The first 2 corporations. There are more"),
        (["find"], "ja", "最初の 2 件です。ほかにも"),
    ):
        assert said in terminal(*command, "100-0013", "--limit", "2", LANGUAGE=language).out.decode()
        assert said[-6:] not in terminal(*command, "100-0013", LANGUAGE=language).out.decode()


def test_a_match_of_another_spelling_is_reported_and_opens_no_record(desk: RegistryDesk) -> None:
    """If a company's name matches the typed one only in another spelling, the answer states that spelling. `lookup`
    then shows no records, because it may be another company.
    """
    terminal = desk.terminal
    for words in (("registry", "find"), ("find",), ("lookup",)):
        answer = terminal.json(*words, "カクーショージ").data
        assert [one["corporation_number"] for one in answer["items"]] == [OPEN_NUMBER], words
        assert answer["other_spelling"] == "カクウショウジ"
        text = terminal(*words, "カクーショージ", LANGUAGE="ja").out.decode()
        assert "入力どおりに一致する法人はありません。「カクウショウジ」" in text
    assert terminal.json("find", "カクウショウジ").data["other_spelling"] is None
    assert terminal.json("lookup", "カクウショウジ").data["corporation_number"] == OPEN_NUMBER


def test_a_search_for_one_character_asks_for_two(desk: RegistryDesk) -> None:
    """A search for one character matches only whole names. If it finds no name, the answer says to type two
    characters or more.
    """
    terminal = desk.terminal
    for language, said in (("en", "Type 2 characters or more"), ("ja", "2 文字以上を入力してください")):
        for words in (["registry", "find", "永"], ["find", "永"], ["lookup", "永"]):
            assert said in terminal(*words, LANGUAGE=language).out.decode(), words
        assert said not in terminal("registry", "find", "どこにもない", LANGUAGE=language).out.decode()


@pytest.mark.parametrize(
    ("language", "expected_text"), [("en", "This list has companies."), ("ja", "法人情報の会社です")]
)
def test_an_export_of_companies_names_the_command_for_records(
    desk: RegistryDesk, tmp_path: Path, language: str, expected_text: str
) -> None:
    """If the text of `export find` contains a condition on records, valid or not, the command says on stderr that it
    exports companies, and names the command that exports records. The answer, the file and the exit status don't
    change because of that.
    """
    for text, conditions in (
        ("status:unknown", "status:unknown"),
        ("架空 age:>1d Provider:nobody", "age:>1d, Provider:nobody"),
        (f'架空 "$HOME" status:unknown{" あ" * 200}', "status:unknown"),
    ):
        written, of_json = tmp_path / f"{len(text)}.csv", tmp_path / f"{len(text)}-json.csv"
        plain = desk.terminal("export", "find", text, "--to", str(written), LANGUAGE=language)
        assert (plain.status, plain.out.decode().count("\n")) == (0, 1)
        for part in (expected_text, conditions, f"support-console export search {shlex.quote(text)} --to FILE"):
            assert part in plain.err
        answer = desk.terminal.json("export", "find", text, "--to", str(of_json)).data
        assert answer == {"file": str(of_json), "rows": 0, "bytes": of_json.stat().st_size, "notes": []}
    for number, text in enumerate(("架空", "RE:BORN", "架空:商事")):
        arguments = ("export", "find", text, "--to", str(tmp_path / f"{number}.csv"))
        assert desk.terminal(*arguments, LANGUAGE=language).err == "", text


@pytest.mark.parametrize(
    "command", [("find", "架空"), ("registry", "find", "架空"), ("export", "find", "架空", "--to", "found.csv")]
)
def test_an_unknown_prefecture_is_refused(desk: RegistryDesk, command: tuple[str, ...]) -> None:
    """If the option for the prefecture has a text that is no prefecture, the command is refused, because such a
    search would find no company.
    """
    for text in ("東京都千代田区", "48", "00", "とうきょう", ""):
        assert desk.terminal.json(*command, "--prefecture", text).exit_status_and_code == (2, "usage"), text
    for text in ("東京", "tokyo", "Tokyo-to", "13"):
        assert desk.terminal.json("find", "架空商事", "--prefecture", text).data["items"] != [], text


def test_a_lookup_accepts_a_company_name(desk: RegistryDesk) -> None:
    """`lookup` of a company name returns the records if exactly one corporation matches, otherwise the list of the
    matches. A wrong corporation number is refused as before.
    """
    terminal = desk.terminal
    answer = terminal.json("lookup", "承継合同会社").data
    assert (answer["corporation_number"], answer["corporation"]["name"]) == (SUCCESSOR_NUMBER, "承継合同会社")
    several = terminal.json("lookup", "100-0013").data
    assert several["corporation_number"] is None
    assert (several["credit_checks"], several["registry_date"]) == ([], "2026-10-30")
    assert len(several["items"]) > 2
    assert terminal.json("lookup", "どこにもない名称").data["items"] == []
    assert terminal("lookup", "どこにもない名称").status == 0
    for wrong in (OPEN_NUMBER[:-1], OPEN_NUMBER[:-1] + "0", "", "12345678901234", "!?"):
        assert terminal.json("lookup", wrong).exit_status_and_code == (2, "invalid_corporation_number"), wrong
    for hostile in ("%", "_", '"', "NEAR(a b)", "名" * 10_000, "\u202e", "🦊", "a' OR 1=1 --", "\x00"):
        assert terminal.json("find", hostile).status == 0, hostile


def test_the_command_find_needs_the_right_to_look_up(desk: RegistryDesk) -> None:
    """Searching the registry needs the right to look up: an administrator is refused, an operator isn't."""
    terminal = PayingTerminal(desk.folder / "people", desk.sandbox)
    people = {"operators": [{"name": "adm-f", "roles": ["admin"]}, {"name": "op-a", "roles": ["operator"]}]}
    accounts = desk.folder / "people.json"
    accounts.write_text(json.dumps(people), encoding="utf-8")
    assert terminal.json("db", "accounts", "apply", str(accounts)).status == 0
    terminal.json("registry", "import", str(desk.whole_file)).data  # noqa: B018  # it needs no right on an embedded desk
    for words in (("find", "架空"), ("registry", "status"), ("registry", "changes", "--since", "2026-01-01")):
        assert terminal.json(*words, OPERATOR="adm-f").exit_status_and_code == (3, "not_allowed"), words
        assert terminal.json(*words, OPERATOR="op-a").status == 0, words


def test_find_and_lookup_take_conditions(desk: RegistryDesk) -> None:
    """`find` and `lookup` accept conditions in addition to a name. They return records and corporations, and report
    each unknown condition.
    """
    terminal = desk.terminal
    bought = terminal.json("purchase", SUCCESSOR_NUMBER, "--client", "3").data
    answer = terminal.json("find", "provider:alarmbox", "client:3", "foo:bar", "status:zzz").data
    assert [one["id"] for one in answer["credit_checks"]] == [bought["id"]]
    assert (answer["items"], answer["payments"], answer["exact"], answer["filter"]) == (
        [],
        [],
        None,
        "provider:alarmbox client:3",
    )
    assert [one["code"] for one in answer["problems"]] == ["unknown_operator", "unknown_value"]
    of_company = terminal.json("find", "承継合同会社", "kind:credit-check").data
    assert bought["id"] in [one["id"] for one in of_company["credit_checks"]]
    assert [one["corporation_number"] for one in of_company["items"]] == [SUCCESSOR_NUMBER]
    by_condition = terminal.json("lookup", "client:3").data
    assert (by_condition["corporation_number"], len(by_condition["credit_checks"])) == (None, 1)
    by_operation = terminal.json("lookup", bought["operation_id"]).data
    assert by_operation["exact"] == {"kind": "operation", "id": bought["operation_id"]}
    for unusable, code in (("amount:lots", "unknown_value"), ("foo:bar", "unknown_operator")):
        looked_up = terminal.json("lookup", unusable).data
        assert [one["code"] for one in looked_up["problems"]] == [code]
    assert "amount:lots" in terminal("lookup", "承継合同会社 amount:lots").out.decode()
    text = terminal("find", "client:3", "foo:bar").out.decode()
    assert "foo:bar" in text
    assert f"#{bought['id']}" in text
    assert terminal.json("find", "x" * 5_000).data["problems"] == [{"code": "too_long", "word": ""}]
