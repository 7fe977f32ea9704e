"""Tests of saved views: they are stored under names, shown to their users, counted by their filters, deleted and
restored; on a server the rights of the database accounts apply.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import event

from console.app import Console
from console.domain.queues.saved_views import MAX_OWN_VIEWS, SavedView, ViewContent
from console.services.process.context import act_as
from console.store.queues import view_counts
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.payment_desks import PaymentDesk
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

REVIEW_VIEW = ViewContent("review")
NAME_OF_EMPTY_FILTER = "-"
PENDING_VIEW = ViewContent(
    "pending", "provider:paypay amount:>=1000JPY", "", "-amount", ("age", "amount"), by_cause=True
)


def call_and_read_problem(call: Callable[[], object]) -> str:
    """Return the value `problem` of the error's detail with which the call is refused, or the error code if the
    detail has no such value.
    """
    refused = call_for_refusal(call)
    return str(refused.detail.get("problem") or refused.code)


def list_view_names(console: Console) -> list[tuple[str, bool]]:
    """Return the name of each view, with True if the view belongs to the team."""
    return [(view.name, view.is_team) for view in console.saved_views.list_views()]


def test_each_change_of_a_view_happens_once_and_is_audited(scene: PaymentDesk) -> None:
    """Saving and deleting a view happen once for each request id. Each change of a view has an audit entry, and the
    changed views are in the change feed. Names that differ only in width or case count as equal; a person's own view
    is found before the team's view of the same name.
    """
    views, console = scene.console.saved_views, scene.console
    mark = console.desk_status.read_desk_update(None).feed_mark
    view = views.save_view(" ＡＢＣ　x ", False, PENDING_VIEW, request_id="s-1")
    assert views.save_view(" ＡＢＣ　x ", False, PENDING_VIEW, request_id="s-1") == view
    assert (view.name, view.version, view.content) == ("ＡＢＣ x", 1, PENDING_VIEW)
    assert views.list_views() == (view,)
    assert views.read_view("abc X") == views.read_view(str(view.id)) == view
    assert call_and_read_problem(lambda: views.save_view("abc x", False, REVIEW_VIEW)) == "view_name_taken"
    assert views.save_view("abc x", True, REVIEW_VIEW).is_team
    assert list_view_names(console) == [("ＡＢＣ x", False), ("abc x", True)]
    assert not views.read_view("ABC X").is_team  # the person's own view comes first

    replaced = views.save_view("Abc X", False, REVIEW_VIEW, True)
    assert (replaced.id, replaced.version, replaced.content, replaced.name) == (view.id, 2, REVIEW_VIEW, "Abc X")
    assert views.save_view("Abc X", False, REVIEW_VIEW, True).version == 2  # nothing has changed
    renamed = views.rename_view(view.id, "other")
    assert (renamed.name, renamed.version) == ("other", 3)

    deleted = views.delete_view(view.id, request_id="d-1")
    assert views.delete_view(view.id).version == deleted.version == 4
    assert list_view_names(console) == [("abc x", True)]
    assert call_and_read_problem(lambda: views.read_view("other")) == "not_found"
    assert call_and_read_problem(lambda: views.rename_view(view.id, "again")) == "not_found"
    second = views.save_view("OTHER", False, REVIEW_VIEW)
    assert call_and_read_problem(lambda: views.restore_view(view.id)) == "view_name_taken"
    views.rename_view(second.id, "second")
    assert views.restore_view(view.id).deleted_at is None
    assert {"other", "second"} < {name for name, _ in list_view_names(console)}
    assert [scene.count_audit_entries(f"view.{act}") for act in ("saved", "changed", "deleted", "restored")] == [
        3,
        3,
        1,
        1,
    ]
    changes = console.desk_status.read_desk_update(mark).changes
    assert {("view", view.id), ("view", second.id)} <= {(change[0], change[1]) for change in changes}


@pytest.mark.engines("sqlite")
def test_invalid_views_are_refused(scene: PaymentDesk) -> None:
    """Invalid names, filters and queues of a view are refused, and so is the renaming of a missing view. A person
    can't save or restore more than MAX_OWN_VIEWS own views.
    """
    views = scene.console.saved_views
    assert call_and_read_problem(lambda: views.save_view("a\u202eb", False, REVIEW_VIEW)) == "view_name"
    assert call_and_read_problem(lambda: views.save_view("x", False, ViewContent("all"))) == "queue"
    assert (
        call_and_read_problem(lambda: views.save_view("x", False, ViewContent("review", "x" * 2_000)))
        == "view_content"
    )
    assert call_and_read_problem(lambda: views.rename_view(99, "x")) == "not_found"
    for number in range(MAX_OWN_VIEWS):
        views.save_view(f"view {number}", False, REVIEW_VIEW)
    assert call_and_read_problem(lambda: views.save_view("one more", False, REVIEW_VIEW)) == "view_count"
    views.delete_view(views.read_view("view 7").id)
    views.save_view("one more", False, REVIEW_VIEW)
    assert call_and_read_problem(lambda: views.restore_view(8)) == "view_count"


@pytest.mark.engines("sqlite")
def test_a_number_as_a_name_hides_no_other_view(scene: PaymentDesk) -> None:
    """The name of a view is the id of another view. By its id, each view is found all the same; by the text, the view
    with this name is found."""
    views = scene.console.saved_views
    first = views.save_view("first", False, REVIEW_VIEW)
    named_like_id = views.save_view(str(first.id), False, PENDING_VIEW)
    assert views.read_view(str(first.id)) == named_like_id
    assert views.read_view_by_id(first.id) == first
    views.delete_view(first.id)
    assert call_and_read_problem(lambda: views.read_view_by_id(first.id)) == "not_found"


@pytest.mark.engines("sqlite")
def test_own_views_are_visible_to_their_author_only(scene: PaymentDesk) -> None:
    """Another person can neither see nor change a person's own view. A view of the team can be changed by its author
    and by an approver.
    """
    console, place = scene.console, scene.place
    for name, roles in (("op-a", "operator"), ("op-b", "operator"), ("lead", "approver"), ("aud", "auditor")):
        place.sql(f"INSERT INTO operators (name, roles, may_buy) VALUES ('{name}', '{roles}', 0)")

    def call_as(name: str, call: Callable[[], object]) -> object:
        with act_as(name):
            return call()

    views = console.saved_views
    own = call_as("op-a", lambda: views.save_view("mine", False, REVIEW_VIEW))
    team = call_as("op-a", lambda: views.save_view("ours", True, REVIEW_VIEW))
    assert isinstance(own, SavedView)
    assert isinstance(team, SavedView)
    assert (
        call_as("op-b", lambda: list_view_names(console))
        == call_as("aud", lambda: list_view_names(console))
        == [("ours", True)]
    )
    for act in (lambda: views.rename_view(own.id, "x"), lambda: views.delete_view(own.id)):
        ends = [call_as(person, lambda act=act: call_and_read_problem(act)) for person in ("op-b", "lead")]  # type: ignore[misc]  # a bound default
        assert ends == ["not_found"] * 2
    assert call_as("op-b", lambda: call_and_read_problem(lambda: views.delete_view(team.id))) == "not_allowed"
    assert (
        call_as("op-b", lambda: call_and_read_problem(lambda: views.save_view("OURS", True, PENDING_VIEW, True)))
        == "not_allowed"
    )
    assert (
        call_as("aud", lambda: call_and_read_problem(lambda: views.save_view("x", False, REVIEW_VIEW)))
        == "not_allowed"
    )
    changed = call_as("lead", lambda: views.save_view("OURS", True, PENDING_VIEW, True))
    assert isinstance(changed, SavedView)
    assert (changed.maker, changed.changed_by, changed.content) == ("op-a", "lead", PENDING_VIEW)
    assert call_as("op-a", lambda: views.delete_view(team.id)) == call_as("op-a", lambda: views.delete_view(team.id))


def test_a_view_counts_the_records_of_its_filter(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of a saved view is the number of records of its filter; one SQL statement counts all views of a
    queue. A condition that cannot be parsed excludes no record, and views with search words or an unknown queue are
    not counted. If only a part of a long queue is counted, the count says that there may be more.
    """
    for number, minor in enumerate((500, 1_500, 2_500)):
        payment = scene.payments.start(scene.insert_order(f"ORD-{number}", minor), "paypay").payment
        assert payment.id
    scene.console.recovery.take("payment", 1)
    texts = ("", "kind:payment", "kind:payment amount:>1000", "kind:payment owner:me", "kind:payment client:4",
             "kind:payment flavour:sweet", "kind:payment age:<1h certainty:known")  # fmt: skip
    views = scene.console.saved_views
    for text in texts:
        views.save_view(f"f {text or NAME_OF_EMPTY_FILTER}", False, ViewContent("pending", text))
    views.save_view("words", False, ViewContent("pending", "", "さくら"))
    gone = views.save_view("gone", True, REVIEW_VIEW)
    scene.place.sql("UPDATE saved_views SET version = version + 1, content = REPLACE(content, 'review', 'nowhere')"
                    f" WHERE id = {gone.id}") if scene.place.engine == "sqlite" else None  # fmt: skip
    statements: list[str] = []
    with scene.context.database.read() as conn:
        event.listen(conn.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    counts = {one.view.name: one for one in views.count_records_of_views()}
    for text in texts:
        chosen = views.parse_view_content(ViewContent("pending", text)).filter.record_filter
        items = scene.console.recovery.read_queue("pending", 50, record_filter=chosen).items
        assert counts[f"f {text or NAME_OF_EMPTY_FILTER}"].count == len(items)
        assert counts[f"f {text or NAME_OF_EMPTY_FILTER}"].oldest == min(
            (item.since for item in items if item.since), default=None
        )
    assert counts["f kind:payment"].count == counts["f kind:payment flavour:sweet"].count == 3
    assert counts["f kind:payment flavour:sweet"].problems == ("flavour:sweet",)
    assert counts["f kind:payment flavour:sweet"].unreadable_conditions == ("flavour:sweet",)
    assert counts["f kind:payment"].unreadable_conditions == ()
    assert (counts["f kind:payment amount:>1000"].count, counts["f kind:payment owner:me"].count) == (2, 1)
    assert (counts["words"].count, counts["words"].is_capped) == (None, False)
    if scene.place.engine == "sqlite":
        assert (counts["gone"].count, counts["gone"].problems) == (None, ("nowhere",))
    statements.clear()
    views.count_records_of_views()
    assert len([one for one in statements if "total_0" in one]) == (1 if scene.place.engine == "sqlite" else 2)

    monkeypatch.setattr(view_counts, "MAX_RECORDS_READ_FOR_COUNT", 1)
    capped = {one.view.name: one for one in views.count_records_of_views()}
    assert capped["f kind:payment"].is_capped
    assert (capped["f kind:payment"].count or 0) <= 2


@pytest.mark.expects_log("a row that can't be read is logged")
def test_unusable_stored_views_are_omitted(place: Place) -> None:
    """A stored view without content, with too long a text or with a misleading name is omitted; the other views are
    listed.
    """
    rows = (
        ("bad", "[]"),
        ("big", '{"queue": "review", "filter": "' + "status:unknown " * 2_200 + '"}'),
        ("a\u202eb", '{"queue": "review"}'),
    )
    with place.desk(InMemoryAlarmBox()) as desk:
        view = desk.saved_views.save_view("good　view 🐟", True, REVIEW_VIEW)
        place.drop_table_triggers("saved_views")
        for name, content in rows:
            place.sql(
                "INSERT INTO saved_views (is_team, maker, name, claim, content, changed_by, changed_at, version)"
                f" VALUES (1, 'x', '{name}', '{name[:3]}', '{content}', 'x', '2026-11-20 00:00:00', 1)"
            )
        assert desk.saved_views.list_views() == (view,)
        assert [one.view for one in desk.saved_views.count_records_of_views()] == [replace(view)]


@pytest.mark.engines("sqlite")
def test_a_view_with_an_unreadable_time_hides_no_other_view(place: Place) -> None:
    """SQLite stores any text as an instant. All views are listed, also the one whose time of change isn't an
    instant."""
    with place.desk(InMemoryAlarmBox()) as desk:
        views = [desk.saved_views.save_view(name, True, REVIEW_VIEW) for name in ("first", "second")]
        place.sql(f"UPDATE saved_views SET changed_at = 'today', version = version + 1 WHERE id = {views[0].id}")
        assert list_view_names(desk) == [("first", True), ("second", True)]
        assert [one.count for one in desk.saved_views.count_records_of_views()] == [0, 0]
