"""The command `db adopt`: take over the table of credit checks that another application has filled. The command shows
its plan and its result as sentences or as JSON.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from console.cli.process.command import Command, watch_for_repeated_command
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import rebuild_error
from console.domain.records import CheckState

if TYPE_CHECKING:
    from console.cli.json_output.results import JsonObject
    from console.services.adoption.plan import AdoptionPlan, AdoptionRowCounts
    from console.services.adoption.run import AdoptionResult


class AdoptDatabaseCommand:
    """The command `db adopt`. It takes over the table of credit checks that another application has filled; with
    `--dry-run` it only shows the plan.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import act_once_by_request_id, open_adoption
        from console.services.adoption.run import AdoptionResult

        with (
            watch_for_repeated_command(args, writer) as repeat_mark,
            open_adoption(settings := writer.read_settings()) as adoption,
        ):
            arguments = (args.timezone, args.convert, args.accept_incomplete)
            request = (settings, "db adopt", args.request_id, arguments)
            if args.dry_run:
                plan = adoption.make_plan(args.timezone)
                _require_adoptable_database(plan, writer, may_convert=args.convert)
                writer.write_answer(
                    lambda: build_adoption_plan_json(plan, writer.translator),
                    lambda: list(format_adoption_plan_lines(plan, writer.translator)),
                )
            elif args.accept_incomplete:
                accepted_rows = act_once_by_request_id(*request, adoption.accept_incomplete_rows)
                writer.write_answer(
                    lambda: repeat_mark.mark_json({"dry_run": False, "accepted_incomplete": accepted_rows}),
                    lambda: repeat_mark.add_repeated_command_note(
                        [writer.translator("cli.adopt.accepted_incomplete", rows=accepted_rows)]
                    ),
                )
            else:
                result_fields = act_once_by_request_id(
                    *request, lambda: asdict(adoption.run(args.timezone, allows_table_copy=args.convert))
                )
                adoption_result = AdoptionResult(**result_fields)
                writer.write_answer(
                    lambda: repeat_mark.mark_json(build_adoption_result_json(adoption_result)),
                    lambda: repeat_mark.add_repeated_command_note(
                        format_adoption_result_lines(adoption_result, writer.translator)
                    ),
                )


def _require_adoptable_database(plan: "AdoptionPlan", writer: AnswerWriter, *, may_convert: bool) -> None:
    """Do nothing if `db adopt` would execute this plan; otherwise raise the error with which it would refuse the
    plan. `may_convert` is the option `--convert`: the command may change the types of columns. The error's detail
    contains the whole plan; without `--json`, the lines of the plan are first written to stderr."""
    from console.services.adoption.adopt import find_adoption_refusal

    refusal = find_adoption_refusal(plan.obstacles, allows_table_copy=may_convert)
    if refusal is not None:
        if not writer.is_json:
            for line in format_adoption_plan_lines(plan, writer.translator):
                writer.write_to_stderr(line)
        raise rebuild_error(refusal.code, {**build_adoption_plan_json(plan, writer.translator), **refusal.detail})


def build_adoption_plan_json(plan: "AdoptionPlan", translator: Translator) -> "JsonObject":
    """Return the answer of `db adopt --dry-run` as a JSON object: the counts of rows by the result that the adoption
    will have for them, such as duplicate or unreadable (see AdoptionRowCounts), the steps, and the obstacles.
    """
    count = plan.row_counts
    return {
        "dry_run": True,
        "table": plan.table_name,
        "state": plan.state,
        "timezone": plan.zone,
        "rows": count.row_count,
        "duplicates": {
            "rows": count.duplicate_row_count,
            "claims": count.duplicate_claim_count,
            "examples": [
                {"client_id": item.client_id, "corporation_number": item.corporation_number, "rows": item.row_count}
                for item in count.duplicate_examples
            ],
        },
        "unreadable": {
            "rows": count.unreadable_row_count,
            "examples": [{"id": item.id, "written": item.text} for item in count.unreadable_examples],
        },
        "respelled": count.normalised_row_count,
        "by_status": dict(count.row_count_by_status),
        "without_credit_check_id": count.pending_row_count,
        "success_without_credit_check_id": count.success_without_id_count,
        "steps": [{"name": step.change_name, "sql": step.sql, "online": step.is_online} for step in plan.steps],
        "obstacles": [
            {
                "kind": item.code,
                "name": item.name,
                "found": item.present_value,
                "convertible": item.is_convertible,
                "message": translator(f"adoption.obstacle.{item.code}", name=item.name, found=item.present_value),
            }
            for item in plan.obstacles
        ],
        "cluster": plan.is_cluster,
        "estimated_seconds": plan.estimated_seconds,
    }


def format_adoption_plan_lines(plan: "AdoptionPlan", translator: Translator) -> Iterator[str]:
    """Yield the answer of `db adopt --dry-run` as sentences: the counts of rows by the result that the adoption will
    have for them, such as duplicate or unreadable (see AdoptionRowCounts), the steps, and the obstacles. If the table
    is already adopted, yield only a sentence that there is nothing to do."""
    if plan.state == "adopted":
        yield translator("cli.adopt.nothing", table=plan.table_name, rows=plan.row_counts.row_count)
        return
    yield translator("cli.adopt.rows", table=plan.table_name, rows=plan.row_counts.row_count, timezone=plan.zone)
    yield from _format_adoption_row_count_lines(plan.row_counts, translator)
    for step in plan.steps:
        yield translator("cli.adopt.step", name=step.change_name)
    for obstacle in plan.obstacles:
        yield "✕ " + translator(
            f"adoption.obstacle.{obstacle.code}", name=obstacle.name, found=obstacle.present_value
        )
    if any(obstacle.is_convertible for obstacle in plan.obstacles):
        yield translator("cli.adopt.convert")
    if plan.is_cluster:
        yield translator("cli.adopt.cluster")
    yield translator("cli.adopt.seconds", seconds=plan.estimated_seconds)


def _format_adoption_row_count_lines(count: "AdoptionRowCounts", translator: Translator) -> Iterator[str]:
    if count.duplicate_row_count:
        yield translator("cli.adopt.duplicates", rows=count.duplicate_row_count, claims=count.duplicate_claim_count)
    for claim in count.duplicate_examples:
        number, client = claim.corporation_number, claim.client_id
        yield "  " + translator("cli.adopt.duplicate", number=number, client=client, rows=claim.row_count)
    if count.unreadable_row_count:
        yield translator("cli.adopt.unreadable", rows=count.unreadable_row_count)
    for example in count.unreadable_examples:
        written_number = " ".join(example.text.splitlines())  # it could otherwise look like lines of this program
        yield f"  #{example.id}  {written_number}"
    if count.normalised_row_count:
        yield translator("cli.adopt.respelled", rows=count.normalised_row_count)
    if count.pending_row_count:
        yield translator("cli.adopt.unbought", rows=count.pending_row_count)
    if count.success_without_id_count:
        yield translator("cli.adopt.success_without_id", rows=count.success_without_id_count)
    if count.row_count_by_status.get(CheckState.ERROR):
        yield translator("cli.adopt.errors", rows=count.row_count_by_status[CheckState.ERROR])


def build_adoption_result_json(result: "AdoptionResult") -> "JsonObject":
    """Return the answer of `db adopt` as a JSON object: the counts of rows, such as those that this run has adopted
    or marked as duplicates (see AdoptionResult), and the executed steps.
    """
    return {
        "dry_run": False,
        "table": result.table_name,
        "timezone": result.zone,
        "rows": result.row_count,
        "taken_in": result.adopted_row_count,
        "duplicates": result.duplicate_row_count,
        "unreadable": result.unreadable_row_count,
        "respelled": result.normalised_row_count,
        "incomplete": result.incomplete_row_count,
        "steps": list(result.steps),
    }


def format_adoption_result_lines(result: "AdoptionResult", translator: Translator) -> Lines:
    """Return the answer of `db adopt` as sentences: the counts of rows, such as those that this run has adopted or
    marked as duplicates (see AdoptionResult), and the next command. If this run has changed nothing, return only a
    sentence that there is nothing to do."""
    has_changes = (
        result.steps or result.adopted_row_count or result.duplicate_row_count or result.unreadable_row_count
    )
    if not has_changes:
        return [translator("cli.adopt.nothing", table=result.table_name, rows=result.row_count)]
    lines = [
        translator("cli.adopted", table=result.table_name, rows=result.row_count, taken_in=result.adopted_row_count)
    ]
    if result.duplicate_row_count or result.unreadable_row_count:
        lines.append(
            translator(
                "cli.adopted.cases", duplicates=result.duplicate_row_count, unreadable=result.unreadable_row_count
            )
        )
    lines.append(translator("cli.adopted.next"))
    if result.incomplete_row_count:
        lines.append(translator("cli.adopted.incomplete", rows=result.incomplete_row_count))
    return lines


COMMANDS: Mapping[str, Command] = {"db adopt": AdoptDatabaseCommand()}
