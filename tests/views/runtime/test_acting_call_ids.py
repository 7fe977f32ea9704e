"""Tests that every acting call of the window gets its request id from WindowContext, and only from there."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import console.views
from console.app import Console
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import open_quick_desk

VIEWS_FOLDER = Path(console.views.__file__).parent
VIEW_SOURCES = sorted(VIEWS_FOLDER.rglob("*.py"))
FUNCTIONS_WITHOUT_REQUEST_ID = {
    "alerts": {
        "count_lost_operations", "read_company_queue", "list_acknowledged_changes",
        "count_changed_companies",
    },
    "audit": {"list_entries", "verify_trail"},
    "bulk_runs": {
        "make_plan", "read_run_with_holder", "read_progress", "list_unfinished_and_recent_runs",
        "list_rows_with_records", "count_unfinished_runs",
    },
    "credit_checks": {"make_plan", "read_credit_check", "read_last_call"},
    "daily_closes": {"write"},  # a file of this desk and an audit entry
    "desk_status": {
        "read_desk_update",
        "cache_acting_person",
        "list_answer_times",
        "list_unneeded_credentials",
        "delete_unneeded_credentials",  # changes no record
    },
    "exports": {"write"},  # a file of this desk and an audit entry
    "health": {"run_all_checks"},
    "refund_limits": {"list_limits"},
    "disabled_people": {"list_people"},
    "incidents": {
        "count_unlisted_alerts", "count_waiting_incidents", "list_incidents", "list_possible_owners",
        "read_incident",
    },
    "left_open": {"list_items"},
    "lookup": {
        "read_documents", "read_history", "read_notes", "find_records", "read_records",
        "find_similar_corporation_numbers", "find_record_numbers", "find_sample_corporation_number", "search",
    },
    "mentions": {"list_open_mentions"},
    "notifications": {"list_events"},
    "notices": {"count_open_notices", "read_item", "read_page"},
    "own_desk_requests": {"list_recent_requests", "withdraw"},  # the id of a withdrawal follows from the request's
    "payments": {"read_payment", "read_order", "read_order_sides", "list_set_asides"},
    "pdfs": {"open_pages", "open_comparison", "list_versions", "count_pages"},
    "pdf_copy_writer": {"save"},  # a file of this desk and an audit entry
    # an audit entry
    "printouts": {"read_list", "write_audit_entry_of_record_printout", "write_audit_entry_of_pdf_printout"},
    "person_state": {"read_entries", "change_entries"},  # files of this desk
    "people": {"list_enabled_people", "find_own_disabling"},
    "scheduler": {"read_task_states"},
    "read_only_switches": {"list_switches", "list_scopes"},
    "recovery": {
        "read_queue", "count_queued_records", "list_unfinished_operations", "list_lease_holders", "list_takes",
        "list_proposals", "read_record", "read_timeline", "write_evidence_pack",
        "write_evidence_bundle", "list_queue_subjects", "find_choices", "read_cause_groups", "read_last_events",
        "run_due_tasks",  # the program's timer, not a person's click
        "read_unmasked",
    },
    "refunds": {"make_plan", "read_refund", "read_sides", "read_inbox", "read_summaries"},
    "registry": {"fetch_published_registry"},  # a copy of public data is fetched by the program's timer
    "reports": {
        "read_provider_success", "read_queue_ages", "read_refund_funnel", "read_settlement", "read_time_to_truth",
        "read_daily_close", "list_providers",
    },
    "saved_views": {"count_records_of_views", "read_view_by_id"},
    # no record changes; each sign-in is a new one
    "sign_in_service": {"record_sign_in", "confirm_password", "sign_out"},
}  # fmt: skip
"""The calls of the window without a request id, by service: they change no record, or have another reason in a
comment. A new call of the window must be added to this table, or have a request id.
"""
ServiceCall = tuple[str, str, ast.Call, tuple[str, ...]]
"""A call of a service: the names of the service and of the method, the call itself, and the names of the parameters
of the function that contains the call.
"""


@cache
def list_services() -> frozenset[str]:
    """Return the names of the services of a console."""
    return frozenset(name for name in vars(Console) if not name.startswith("_"))


@cache
def find_calls(source: Path) -> tuple[ServiceCall, ...]:
    """Return the calls of services in a module, each as the service, the method, the call, and the parameters of the
    function that contains the call.
    """
    return tuple(_iterate_service_calls(ast.parse(source.read_text()), ()))


def _iterate_service_calls(node: ast.AST, parameters: tuple[str, ...]) -> Iterator[ServiceCall]:
    if isinstance(node, ast.Lambda | ast.FunctionDef):
        parameters = tuple(argument.arg for argument in node.args.args)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target = node.func.value
        if (
            isinstance(target, ast.Attribute)
            and target.attr in list_services()
            and isinstance(target.value, ast.Name)
        ):
            yield target.attr, node.func.attr, node, parameters
    for child in ast.iter_child_nodes(node):
        yield from _iterate_service_calls(child, parameters)


@cache
def find_called_methods() -> frozenset[tuple[str, str]]:
    """Return the service and method of each call in the window's source files. A regular expression finds the calls,
    because each test process needs them while it collects tests, and parsing would take ten times as long.
    """
    pattern = re.compile(rf"(?<![\w.])\w+\.({'|'.join(list_services())})\.(\w+)\(")
    return frozenset(method for source in VIEW_SOURCES for method in pattern.findall(source.read_text()))


@cache
def find_acting_calls() -> frozenset[tuple[str, str]]:
    """Return the service and method of each acting call of the window."""
    return frozenset(
        (service, method)
        for service, method in find_called_methods()
        if method not in FUNCTIONS_WITHOUT_REQUEST_ID.get(service, ())
    )


@pytest.mark.parametrize("source", VIEW_SOURCES, ids=lambda path: str(path.relative_to(VIEWS_FOLDER)))
def test_request_ids_come_only_from_the_window_context(source: Path) -> None:
    """Each acting call of the window passes the request id that its function was given. Only WindowContext makes
    request ids.
    """
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert source.name == "request_id.py" or "uuid" not in names, f"line {node.lineno}: makes ids"
        if isinstance(node, ast.Attribute) and node.attr == "get_request_id":
            assert source.name == "context.py", f"line {node.lineno}: asks for ids"
    for service, method, call, parameters in find_calls(source):
        ids = [word.value for word in call.keywords if word.arg == "request_id"]
        if (service, method) not in find_acting_calls():
            assert not ids, f"line {call.lineno}: {service}.{method} is said to change nothing"
            continue
        assert len(ids) == 1, f"line {call.lineno}: {service}.{method} without a request id"
        assert isinstance(ids[0], ast.Name), f"line {call.lineno}: not the id that was given"
        assert ids[0].id in parameters, f"line {call.lineno}: an id from outside the call"


def test_the_search_finds_the_known_acting_calls() -> None:
    """The search finds the known acting calls of the window. If it found none, the other tests would check nothing
    and pass.
    """
    parsed = [call[:2] for source in VIEW_SOURCES for call in find_calls(source)]
    assert find_called_methods() == set(parsed)
    assert len([call for call in parsed if call in find_acting_calls()]) == 43
    assert {method for _, method in find_acting_calls()} == {
        "acknowledge_alerts", "mark_done", "undo_acknowledgements", "release", "snooze", "end_snooze", "reopen",
        "delete_view", "rename_view", "restore_view", "save_view",
        "approve", "create_run", "disable", "discard", "enable",
        "set_order_paid", "add_note", "give_up_take", "hand_over", "probe",
        "purchase", "refetch", "reject", "request", "resolve", "run", "set_limit", "set_switch", "stop", "take",
        "unmask", "withdraw",
    }  # fmt: skip


def test_exactly_the_acting_calls_have_a_request_id_parameter(tmp_path: Path) -> None:
    """The methods of services that have a parameter for a request id are exactly the acting calls of the window. A
    call that is listed as one that changes nothing has no such parameter.
    """
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox()) as desk:
        taking = {
            (service, method)
            for service, method in find_called_methods()
            if _has_request_id_parameter(desk, service, method)
        }
    assert taking == find_acting_calls()


def _has_request_id_parameter(desk: Console, service: str, method: str) -> bool:
    return "request_id" in inspect.signature(getattr(type(getattr(desk, service)), method)).parameters


def test_the_window_still_calls_each_listed_function_without_request_id() -> None:
    """FUNCTIONS_WITHOUT_REQUEST_ID lists no function that the window doesn't call any more."""
    assert {
        (service, method) for service, methods in FUNCTIONS_WITHOUT_REQUEST_ID.items() for method in methods
    } <= find_called_methods()
