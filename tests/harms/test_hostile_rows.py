"""Database accounts write values that our programs never write into columns that other people's programs read: pairs
of tokens, paths of documents, and links."""

import pytest

from tests.harms.attacks import (
    SET_CHECKS_OFF_STATEMENTS,
    Attack,
    make_ending_attacks,
    make_insert_attacks,
    make_update_attacks,
)
from tests.harms.scene import CHECKS_TABLE, UTC_NOW_SQL, AttackedDatabase
from tests.support.refusals import call_for_refusal_code

WRITING_PEOPLE = ("op-a", "lead-b", "worker")
HOSTILE_PATHS = (
    "../../../../etc/passwd", "gs://evil/../x", "/etc/passwd", "ab/x.pdf", f"ab/{'c' * 64}.pdf",
    f"AB/AB{'c' * 62}.pdf",
    f"ab/ab{'c' * 62}.pdf\n", f"ab/ab{'c' * 62}.html", f"x/ab/ab{'c' * 62}.pdf", "",
)  # fmt: skip
PAYMENT_LINKS = (
    "javascript:alert(1)", "http://evil.example/", "file:///etc/passwd", "HTTPS://evil.example/", " https://evil.example/",
    "https://", "https://evil.example/\r\nX: y", "data:text/html,x", "",
)  # fmt: skip
PAIR_WITH_NEXT_VERSION_SQL = "CONCAT('v', version + 1, SUBSTRING(sealed, LOCATE('.', sealed)))"
"""SQL of the stored pair of tokens with the next version. An UPDATE that changes only the list of used tokens and not
the version of the pair would be refused because of the pair, and the rule about the list would not be tested."""


def _read_tokens(scene: AttackedDatabase) -> tuple[str, int, str]:
    """Return the stored row of AlarmBox's tokens: the encrypted pair, its version, and the hashes of the used first
    tokens.
    """
    row = scene.sql("SELECT sealed, version, used_first FROM provider_tokens WHERE provider = 'alarmbox'")[0]
    return str(row[0]), int(row[1]), str(row[2])


@pytest.mark.expects_log("the damaged pair is told")
def test_no_account_restores_an_older_pair_of_tokens(harm_scene: AttackedDatabase) -> None:
    """The list of used refresh tokens can only get longer at its end, and a pair of tokens must have the right
    version. A damaged pair stops no later purchase."""
    harm_scene.buy_new()
    older, version, used = _read_tokens(harm_scene)
    harm_scene.sandbox.control.expire_tokens()
    harm_scene.buy_new()
    assert _read_tokens(harm_scene)[1] > version
    _, _, inner = older.partition(".")
    other = '["' + "b" * 64 + '"]'
    lists = ("[]", other, used.upper(), used[:-1], used.replace('"', " ", 1), f"[{used}]", "", '["' + "b" * len(used))
    where = "provider = 'alarmbox'"
    for hashes_text in lists:
        change = {"used_first": f"'{hashes_text}'", "sealed": PAIR_WITH_NEXT_VERSION_SQL, "version": "version + 1"}
        forms = list(make_update_attacks("provider_tokens", change, where, key_column="provider"))
        harm_scene.attack_as_each_role(
            harm_scene.choose_attacks(
                [*forms, *(form.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS) for form in forms)]
            ),
            WRITING_PEOPLE,
        )
    assert _read_tokens(harm_scene)[2] == used
    before = _read_tokens(harm_scene)
    for sealed in (f"'{older}'", f"'{inner}'", "'gAAAAgarbage'", "'token'", f"'v{before[1]}.{inner}'"):
        change = {"sealed": sealed, "version": "version + 1"}
        ways = [
            end
            for form in make_update_attacks("provider_tokens", change, where, key_column="provider")
            for end in (form, *make_ending_attacks(form))
        ]
        harm_scene.attack_as_each_role(harm_scene.choose_attacks(ways), WRITING_PEOPLE)
    assert _read_tokens(harm_scene) == before
    for person in WRITING_PEOPLE:
        forged = f"CONCAT('v', version + 1, '.{inner}')"
        harm_scene.attack(
            person, Attack("renamed", (f"UPDATE provider_tokens SET sealed = {forged}, version = version + 1",))
        )
        harm_scene.buy_new("op-b")
    harm_scene.sandbox.control.expire_tokens()
    harm_scene.buy_new("op-b")
    harm_scene.check_ordinary_work()


def test_no_account_inserts_a_token_pair_with_the_largest_version(harm_scene: AttackedDatabase) -> None:
    """No database account can insert a pair of tokens with a version near the largest value of its column. After such
    a row, no further pair could be stored."""
    row = {
        "provider": "'other'",
        "version": "2147483647",
        "used_first": "'[]'",
        "changed_at": UTC_NOW_SQL,
        "sealed": "NULL",
    }
    harm_scene.attack_as_each_role(
        [
            end
            for attack in make_insert_attacks("provider_tokens", row)
            for end in (attack, *make_ending_attacks(attack))
        ]
    )
    assert harm_scene.sql("SELECT COUNT(*) FROM provider_tokens WHERE version > 1000") == [(0,)]


def test_stored_paths_lead_only_to_documents(harm_scene: AttackedDatabase) -> None:
    """No database account can write a path that leads out of the store of documents, neither into a row of
    `documents` nor into a credit check."""
    record = harm_scene.buy_new()
    for path in HOSTILE_PATHS if harm_scene.tries_all_attacks else HOSTILE_PATHS[::2]:
        row = {
            "subject_kind": "'credit-check'",
            "subject_id": str(record.id),
            "path": f"'{path}'",
            "bytes": "1",
            "sha256": f"'ab{'c' * 62}'",
            "fetched_at": UTC_NOW_SQL,
        }
        harm_scene.attack_as_each_role(
            attack.prepend_statements("loose", *SET_CHECKS_OFF_STATEMENTS)
            for attack in make_insert_attacks("documents", row)
        )
        change = {"version": "version + 1", "pdf_file_path": f"'{path}'"}
        harm_scene.attack_as_each_role(make_update_attacks(CHECKS_TABLE, change, f"id = {record.id}"))
        begun = {
            "client_id": "77",
            "corporation_number": "'1180301018771'",
            "work_state": "'none'",
            "operation_id": "UUID()",
            "pdf_file_path": f"'{path}'",
        }
        harm_scene.attack_as_each_role(make_insert_attacks(CHECKS_TABLE, begun))
    condition = "NOT {0} REGEXP '^[0-9a-f]{{2}}/[0-9a-f]{{64}}[.](pdf|csv)$'"
    assert harm_scene.sql(f"SELECT path FROM documents WHERE {condition.format('path')}") == []
    assert harm_scene.sql(f"SELECT id FROM {CHECKS_TABLE} WHERE {condition.format('pdf_file_path')}") == []
    assert harm_scene.get_desk("op-b").credit_checks.read_pdf(record.id).startswith(b"%PDF-")
    assert call_for_refusal_code(lambda: harm_scene.buy("op-a", record.corporation_number)) == "already_purchased"


def test_a_stored_payment_url_is_an_https_address(harm_scene: AttackedDatabase) -> None:
    """The database accepts as `payments.url` only an https address without control characters."""
    payment = harm_scene.make_paid_payment()
    for link in PAYMENT_LINKS if harm_scene.tries_all_attacks else PAYMENT_LINKS[::2]:
        change = {"version": "version + 1", "url": f"'{link}'"}
        harm_scene.attack_as_each_role(make_update_attacks("payments", change, f"id = {payment.id}"))
        row = {
            "provider": "'paypay'",
            "merchant_payment_id": "UUID()",
            "status": "'initializing'",
            "currency": "'JPY'",
            "asked_minor": "5",
            "created_at": UTC_NOW_SQL,
            "changed_at": UTC_NOW_SQL,
            "url": f"'{link}'",
        }
        harm_scene.attack_as_each_role(make_insert_attacks("payments", row))
    assert harm_scene.sql("SELECT url FROM payments WHERE NOT url LIKE BINARY 'https://_%'") == []
    assert harm_scene.sql("SELECT url FROM payments WHERE url REGEXP '[[:cntrl:]]'") == []
    harm_scene.check_ordinary_work()


def test_no_account_postpones_all_calls_to_providers(harm_scene: AttackedDatabase) -> None:
    """No database account can set `call_rates.not_before` to a time far in the future, or give the row an unknown
    clock. So the calls to providers continue."""
    harm_scene.buy_new()
    far, clocks = (2**63 - 1, 4_102_444_800_000), ("'server'", "'other'", "lease_clock")
    for number in far:
        for clock in clocks:
            change = {"lease_clock": clock, "not_before": str(number)}
            forms = [
                form
                for form in make_update_attacks("call_rates", change, "name <> ''", key_column="name")
                if "ORDER BY" not in form.title
            ]
            harm_scene.attack_as_each_role(
                harm_scene.choose_attacks(end for form in forms for end in (form, *make_ending_attacks(form)))
            )
        row = {"name": "'paypay'", "lease_clock": "'server'", "not_before": str(number)}
        harm_scene.attack_as_each_role(make_insert_attacks("call_rates", row))
    assert harm_scene.sql(f"SELECT name FROM call_rates WHERE not_before >= {min(far)}") == []
    harm_scene.check_ordinary_work()
