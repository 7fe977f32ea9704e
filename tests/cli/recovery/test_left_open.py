"""The command `unfinished`, which lists the work that the acting person has left open."""

from console.sandbox.server import Sandbox
from tests.cli.conftest import Terminal

CORPORATION_NUMBER = "1180301018771"


def test_the_command_unfinished_lists_open_work(terminal: Terminal, sandbox: Sandbox) -> None:
    """`unfinished` lists nothing at first. After a purchase without an answer it lists the credit check with its
    link, in JSON and as text; another person's list stays empty.
    """
    assert terminal.json("unfinished").data == {"items": []}
    assert terminal("unfinished").out.decode().strip()
    sandbox.control.add_fault("status_after_charge:500", call="purchase", number=CORPORATION_NUMBER)
    record = terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").error["detail"]["record"]
    (item,) = terminal.json("unfinished").data["items"]
    assert item.pop("since").endswith("Z")
    link = f"support-console:record/credit-check/{record['id']}"
    assert (item.pop("kind"), item.pop("id")) == ("credit-check", str(record["id"]))
    assert item == {"reason": "operation", "until": None, "name": "", "link": link}
    assert link in terminal("unfinished").out.decode()
    assert terminal.json("unfinished", OPERATOR="op-b").data == {"items": []}
