"""`reports figures`: the shape that programs rely on, and the same figures as text in both languages."""

from tests.cli.conftest import Terminal

NUMBER = "1180301018771"


def test_the_shape_of_the_figures(terminal: Terminal) -> None:
    """Every report is there before anything happened, and a purchase that nobody knows about is counted."""
    assert terminal.json("purchase", NUMBER, "--client", "42", "--deal", "2", "--reason", "1", "4").status == 0
    data = terminal.json("reports", "figures").data
    assert set(data) == {"read_at", "success", "queue_ages", "refund_funnel", "settlement", "time_to_truth"}
    assert set(data["success"]) == {"from", "to", "providers", "outages"}
    queues = {queue["queue"]: queue for queue in data["queue_ages"]["queues"]}
    assert set(queues) == {"pending", "unknown", "error", "incomplete", "review", "refunds"}
    classes = {"hour", "four_hours", "day", "three_days", "older"}
    assert set(queues["pending"]) == {"queue", "undated", "complete", *classes}
    assert (data["refund_funnel"]["currencies"], data["refund_funnel"]["complete"]) == ([], True)
    assert data["settlement"]["series"] == []
    kinds = {kind["kind"]: kind for kind in data["time_to_truth"]["kinds"]}
    assert set(kinds) == {"credit-check", "payment", "refund"}
    seconds = {f"{name}_seconds" for name in ("median", "p90", "longest", "schedule", "oldest_open")}
    assert set(kinds["payment"]) == {"kind", "settled", "late", "open", "complete", *seconds}
    assert kinds["credit-check"]["settled"] == 0, "its own call learnt the outcome"


def test_text_in_both_languages(terminal: Terminal) -> None:
    """Each report has its title, what is counted, and lines; no key of a word is printed."""
    for language, title in (("ja", "結果が判明するまでの時間"), ("en", "How long outcomes stayed unknown")):
        terminal.env["CONSOLE_LANGUAGE"] = language
        text = terminal("reports", "figures").out.decode()
        assert title in text
        assert "reports." not in text
