"""`db adopt` at the terminal: what it would do, or what it did, as sentences and as JSON."""

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.cli_writer import Lines, Voice, Writer

if TYPE_CHECKING:
    from console.cli_json import Object
    from console.services.adoption_plan import AdoptionPlan, RowCount
    from console.services.adoption_run import Adopted


class Adopt:
    """Takes another application's table into service; with `--dry-run` it only looks."""

    def run(self, args: Namespace, writer: Writer) -> None:
        from console.app import open_adoption

        with open_adoption(writer.read_settings()) as adoption:
            if args.dry_run:
                plan = adoption.plan(args.timezone)
                writer.answer(lambda: plan_data(plan, writer.voice), lambda: list(plan_lines(plan, writer.voice)))
            else:
                done = adoption.run(args.timezone, convert=args.convert)
                writer.answer(lambda: done_data(done), lambda: list(done_lines(done, writer.voice)))


def plan_data(plan: "AdoptionPlan", voice: Voice) -> "Object":
    count = plan.count
    return {
        "dry_run": True,
        "table": plan.table,
        "state": plan.state,
        "timezone": plan.zone,
        "rows": count.rows,
        "duplicates": {
            "rows": count.duplicates,
            "claims": count.doubled_claims,
            "examples": [
                {"client_id": one.client_id, "corporation_number": one.corporation_number, "rows": one.rows}
                for one in count.doubled
            ],
        },
        "unreadable": {
            "rows": count.unreadable,
            "examples": [{"id": one.id, "written": one.written} for one in count.unreadable_examples],
        },
        "respelled": count.respelled,
        "without_credit_check_id": count.unbought,
        "steps": [{"name": step.name, "sql": step.sql, "online": step.online} for step in plan.steps],
        "obstacles": [
            {
                "kind": one.kind, "name": one.name, "found": one.found, "convertible": one.convertible,
                "message": voice(f"adoption.obstacle.{one.kind}", name=one.name, found=one.found),
            }
            for one in plan.obstacles
        ],
        "cluster": plan.cluster,
        "estimated_seconds": plan.seconds,
    }  # fmt: skip


def plan_lines(plan: "AdoptionPlan", voice: Voice) -> Iterator[str]:
    if plan.state == "adopted":
        yield voice("cli.adopt.nothing", table=plan.table, rows=plan.count.rows)
        return
    yield voice("cli.adopt.rows", table=plan.table, rows=plan.count.rows, timezone=plan.zone)
    yield from _row_lines(plan.count, voice)
    for step in plan.steps:
        yield voice("cli.adopt.step", name=step.name)
    for one in plan.obstacles:
        yield "✕ " + voice(f"adoption.obstacle.{one.kind}", name=one.name, found=one.found)
    if any(one.convertible for one in plan.obstacles):
        yield voice("cli.adopt.convert")
    if plan.cluster:
        yield voice("cli.adopt.cluster")
    yield voice("cli.adopt.seconds", seconds=plan.seconds)


def _row_lines(count: "RowCount", voice: Voice) -> Iterator[str]:
    if count.duplicates:
        yield voice("cli.adopt.duplicates", rows=count.duplicates, claims=count.doubled_claims)
    for claim in count.doubled:
        number, client = claim.corporation_number, claim.client_id
        yield "  " + voice("cli.adopt.duplicate", number=number, client=client, rows=claim.rows)
    if count.unreadable:
        yield voice("cli.adopt.unreadable", rows=count.unreadable)
    for one in count.unreadable_examples:
        yield f"  #{one.id}  {one.written}"
    if count.respelled:
        yield voice("cli.adopt.respelled", rows=count.respelled)
    if count.unbought:
        yield voice("cli.adopt.unbought", rows=count.unbought)


def done_data(done: "Adopted") -> "Object":
    return {
        "dry_run": False,
        "table": done.table,
        "timezone": done.zone,
        "rows": done.rows,
        "taken_in": done.taken_in,
        "duplicates": done.duplicates,
        "unreadable": done.unreadable,
        "respelled": done.respelled,
        "steps": list(done.steps),
    }


def done_lines(done: "Adopted", voice: Voice) -> Lines:
    changed = done.steps or done.taken_in or done.duplicates or done.unreadable
    if not changed:
        return [voice("cli.adopt.nothing", table=done.table, rows=done.rows)]
    lines = [voice("cli.adopted", table=done.table, rows=done.rows, taken_in=done.taken_in)]
    if done.duplicates or done.unreadable:
        lines.append(voice("cli.adopted.cases", duplicates=done.duplicates, unreadable=done.unreadable))
    return [*lines, voice("cli.adopted.next")]
