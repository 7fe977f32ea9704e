"""The commands `db upgrade` (upgrade the schema), `db check` and `doctor` (check the health of the installation)."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import Command, watch_for_repeated_command
from console.cli.process.output import AnswerWriter
from console.cli.text_output import results as cli_text
from console.domain.errors import ConsoleError

if TYPE_CHECKING:
    from console.domain.service_results import HealthCheck
    from console.services.monitoring.doctor import HealthCheckService


class UpgradeDatabaseCommand:
    """The command `db upgrade`. It upgrades the schema of the database. It does not open the services, because they
    refuse a database with an old schema.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import act_once_by_request_id, open_health_checks

        with watch_for_repeated_command(args, writer) as repeat_mark:
            settings = writer.read_settings()
            health = open_health_checks(settings)
            request = (settings, "db upgrade", args.request_id, (args.new,))
            revisions = act_once_by_request_id(*request, lambda: health.upgrade_schema(accepts_new_database=args.new))
            lines = cli_text.format_upgrade_lines
            writer.write_answer(
                lambda: repeat_mark.mark_json(dict(revisions)),
                lambda: repeat_mark.add_repeated_command_note(lines(revisions, writer.translator)),
            )


@dataclass(frozen=True, slots=True)
class HealthCheckCommand:
    """The commands `db check` (checks of the database) and `doctor` (checks of the whole installation). `run_checks`
    is the function that makes the checks. Each problem, even an unreadable profile file, becomes part of the answer.
    """

    run_checks: "Callable[[HealthCheckService], tuple[HealthCheck, ...]]"

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.app import open_health_checks

        try:
            checks = self.run_checks(open_health_checks(writer.read_settings()))
        except ConsoleError as error:
            from console.domain.service_results import HealthCheck
            from console.domain.setting_problems import SettingProblem

            facts, problem = {"code": error.code, **error.detail}, error.detail.get("problem")
            message = f"error.bad_profile.{problem}" if isinstance(problem, SettingProblem) else "doctor.profile.bad"
            checks = (HealthCheck("profile", False, message, "doctor.profile.next", facts),)
        translator = writer.translator
        translator.use_readable_language()  # a damaged file of sentences is one of the findings
        writer.write_answer(
            lambda: cli_json.build_health_checks_json(checks, translator),
            lambda: cli_text.format_health_check_lines(checks, translator),
        )


COMMANDS: Mapping[str, Command] = {
    "db upgrade": UpgradeDatabaseCommand(),
    "db check": HealthCheckCommand(lambda health: health.check_database()),
    "doctor": HealthCheckCommand(lambda health: health.run_all_checks()),
}
