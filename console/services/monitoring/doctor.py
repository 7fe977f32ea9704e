"""Health checks of this desk (the command `doctor`), with the next step for each failed check; creation and
upgrade of the schema.
"""

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from console.domain.alerts.provider_subjects import (
    AUTHORISATION_RULE,
    PROVIDER_KIND,
    compute_provider_subject_id,
)
from console.domain.calendar_days import JST
from console.domain.clock import Clock, TimeScale
from console.domain.error_reasons import DatabaseUnreachableProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments import provider_registry
from console.domain.process import failpoint_names
from console.domain.reason import ForeignText
from console.domain.service_results import HealthCheck
from console.domain.setting_problems import UNUSABLE_ACCOUNT_PROBLEMS, SettingProblem
from console.domain.tasks.intervals import INTERVAL_OF_TASK, is_task_overdue
from console.services.desk_requests.desk_status import find_alive_worker, find_unneeded_credentials
from console.services.guarded import database_rollback
from console.services.monitoring.installation import check_installation, find_installed_folder
from console.services.monitoring.versions import SchemaVersions, read_versions
from console.services.process.context import STORE_KEY_FINGERPRINT_NAME
from console.services.process.merchants import (
    StoredMerchant,
    list_providers_with_merchant,
    make_other_merchant_error,
    make_stored_merchant,
)
from console.services.process.temporary_files import get_temporary_folder, open_temporary_file
from console.settings.private_files import find_unwritable_path, is_open_to_others, is_readable_by_everybody
from console.settings.provider_access import list_required_secret_names
from console.settings.settings import NOTICE_KEY_PATTERN, Settings
from console.settings.urls import mask_password
from console.store.access import operators
from console.store.alerts import cases
from console.store.constraints import fitness
from console.store.database import boot_clock
from console.store.database.engine import Database
from console.store.documents.documents import open_documents
from console.store.documents.folder import parse_root_folder
from console.store.migrations import upgrade as migrate
from console.store.operations.provider_tokens import read_token
from console.store.spool.cipher import Cipher
from console.store.spool.spool import SPOOL_FILE_NAME, Spool
from console.store.tasks import tasks

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

ENOUGH_FREE_DISK_BYTES = 200 * 1024 * 1024
"""Free space, in bytes, below which the check of the disks fails."""
_SIGN_IN_PROBLEMS = (
    SettingProblem.SIGN_IN_MISSING,
    SettingProblem.ACCOUNT_NAME_MISSING,
    SettingProblem.ACCESS_DENIED,
)
"""Problems that a person can remove by signing in to the database."""
_DATABASE_ERROR_CODES = (
    ErrorCode.DATABASE_UNREACHABLE,
    ErrorCode.DATABASE_LOCKED,
    ErrorCode.SCHEMA_MISMATCH,
    ErrorCode.NOT_OUR_DATABASE,
)
"""Error codes which mean that the database is not available."""
_CHECKS_THAT_NEED_DATABASE = frozenset({"lease_clock", "merchants", "tasks", "went_back"})
"""Names of the checks that can't be made if the database can't write because its disk is full: the error storage_full
then says nothing about the subject of the check. In every other check, except those of credentials, this error is the
result of the check."""
_CHECKS_OF_CREDENTIALS = frozenset({"alarmbox", "gateway", "store_key"})
"""Names of the checks that read in the database whether a worker acts for the person, because the desk then needs no
credentials. No error of that read says anything about the subject of the check; errors of other reads end no such
check."""


_CheckFacts: TypeAlias = dict[str, object]
"""Values for the text about a check. `ok` is False if the check failed; `verdict` selects a text other than those
about a passed or failed check. Both are optional.
"""


class HealthCheckService:
    """Runs the health checks one after the other, and returns their results. A failed check raises no error. The
    service opens the spool itself. Each check method returns facts for the text about the check: `ok` False means
    that the check has failed, and `verdict` selects the text. A ConsoleError of a check method also counts as a
    failure.

    `open_database` opens the database and returns a context manager. At its end, this context manager closes the
    database, unless the services of this process use the same database.
    """

    def __init__(
        self, settings: Settings, open_database: Callable[[], AbstractContextManager[Database]], clock: Clock
    ) -> None:
        self._settings, self._clock = settings, clock
        self._open_database = open_database
        self._opened_resources = ExitStack()

    @cached_property
    def _database(self) -> Database:
        """The database. The first check that needs the database opens it, so that the other checks work without a
        sign-in.
        """
        return self._opened_resources.enter_context(self._open_database())

    def run_all_checks(self) -> tuple[HealthCheck, ...]:
        """Run all checks of this desk and return their results."""
        checks = (
            ("version", self._report_versions),
            *((("installation", self._check_installation),) if find_installed_folder() else ()),
            ("home", self._check_home_folder),
            ("privacy", self._check_folder_privacy),
            ("temporary", self._check_temporary_folder),
            ("room", self._check_free_space),
            *(
                (("sign_in", self._check_sign_in), ("contact", self._check_help_contact))
                if self._settings.sign_in.is_server
                else ()
            ),
            ("database", self._check_schema),
            ("documents", self._check_documents),
            ("store_key", self._check_store_key),
            ("operator", self._check_operator_name),
            *(
                (("worker", self._check_worker), ("credentials", self._check_leftover_credentials))
                if self._acts_through_worker is True
                else ()
            ),
            ("alarmbox", self._check_alarmbox_settings),
            ("merchants", self._check_merchants),
            ("lease_clock", self._check_lease_clock),
            ("tasks", self._check_overdue_tasks),
            ("went_back", self._check_database_rollback),
            *((("cache", self._check_redis_cache),) if self._settings.redis_url else ()),
            *((("publishing", self._check_alert_publishing),) if self._settings.alerts.publisher_kind else ()),
            *((("notices", self._check_notice_keys),) if self._has_notice_key() else ()),
            *((("registry", self._check_corporation_registry),) if self._has_corporation_registry() else ()),
            ("switches", self._check_test_switches),
        )
        try:
            return (
                *(self._run_check(name, check) for name, check in checks),
                *map(self._check_gateway_secrets, provider_registry.list_provider_names()),
            )
        finally:
            self._opened_resources.close()

    def check_database(self) -> tuple[HealthCheck, ...]:
        """Check the schema. If this check passes, also list the merchants of the database and check the database's
        settings. Return the results."""
        try:
            schema = self._run_check("database", self._check_schema)
            if not schema.ok:
                return (schema,)
            merchants = self._run_check("merchants", self._report_merchants)
            return (schema, merchants, *map(_make_health_check, fitness.check_fitness(self._database)))
        finally:
            self._opened_resources.close()

    def upgrade_schema(self, *, accepts_new_database: bool = False) -> SchemaVersions:
        """Create or upgrade the schema. Return the versions of the schema before (`from`) and after (`to`). The
        method may be called at any time, also by several desks at the same time.

        With `accepts_new_database`, this desk accepts the present database even if the desk has used another database
        at this address. A server's schema is not upgraded in this case, and the result has the present version as
        `from` and as `to`. Without `accepts_new_database`, raises database_went_back (detail.problem file_missing) if
        the SQLite file is missing at an address where this desk has used a database before, and database_unreachable
        (detail.problem no_folder) if the folder of this file is missing. Also raises not_our_database if the tables
        are those of another program; schema_mismatch if the schema is newer than this program, or too old for an
        upgrade; database_locked if this process lost the upgrade lock of a server.
        """
        spool = Spool(self._settings.home, cipher=None)
        database = Database(self._settings.database_url, without_time_limit=True)
        try:
            if not accepts_new_database:
                database_rollback.refuse_unexpected_new_database(database, spool)
                upgraded = migrate.upgrade(database)
                return {
                    "from": upgraded.version_before,
                    "to": upgraded.version_after,
                    "completed": upgraded.has_recreated_parts,
                }
            if not database.is_server:  # on a server only the schema account upgrades it
                migrate.upgrade(database)
            state = migrate.read_meta_and_schema(database)
            database_rollback.accept_new_database(database, spool, state["database_id"])
        finally:
            spool.close()
            database.close()
        return {"from": state["schema"], "to": state["schema"], "completed": False}

    def _run_check(self, check_name: str, check: Callable[[], _CheckFacts]) -> HealthCheck:
        try:
            facts = check()
        except ConsoleError as error:
            message, next_step = self._make_wording_keys(check_name, error)
            facts = {"code": error.code, "url": self._settings.masked_database_url, **error.detail}
            return HealthCheck(check_name, False, message, next_step, facts)
        is_good = bool(facts.pop("ok", True))
        verdict = str(facts.pop("verdict", "ok" if is_good else "bad"))
        next_step = "" if verdict in ("ok", "none", "unneeded", "unbound", "stored") else f"doctor.{check_name}.next"
        if verdict in ("future", "given", "incomplete", "unauthorised", "unchecked"):
            next_step = f"doctor.{check_name}.{verdict}.next"
        return HealthCheck(check_name, is_good, f"doctor.{check_name}.{verdict}", next_step, facts)

    def _make_wording_keys(self, check_name: str, error: ConsoleError) -> tuple[str, str]:
        """Return two wording keys: of the text about the failed check `check_name`, and of the text about its next
        step. If the cause is an unavailable database, a missing sign-in, an account that can't be used, this desk's
        spool or a wrong setting, the first text is about this cause only.
        """
        problem = error.detail.get("problem")
        if problem in _SIGN_IN_PROBLEMS:
            error.detail["place"] = self._settings.sign_in.database_address
            verdict = check_name if check_name == "sign_in" else "unsigned"
            has_no_account_name = problem == SettingProblem.ACCOUNT_NAME_MISSING
            return f"doctor.{verdict}.bad", "doctor.unnamed.next" if has_no_account_name else "doctor.sign_in.next"
        if problem in UNUSABLE_ACCOUNT_PROBLEMS:
            return f"error.bad_profile.{problem}", "doctor.unseen.next"
        is_about_spool = Path(str(error.detail.get("file"))).name == SPOOL_FILE_NAME
        next_step = "doctor.spool.next" if is_about_spool else f"doctor.{check_name}.next"
        if error.code == ErrorCode.BAD_PROFILE and problem:
            # A secret of AlarmBox that can't be read need not be missing, so the next step isn't to set it.
            return f"error.bad_profile.{problem}", (
                "error.bad_profile.next" if check_name == "alarmbox" else next_step
            )
        if is_about_spool:
            return "doctor.spool.bad", next_step
        if error.code == ErrorCode.STORAGE_FULL and check_name == "documents":
            return "doctor.documents.unwritable", "error.storage_full.next"
        has_no_room = error.code == ErrorCode.STORAGE_FULL and check_name in _CHECKS_THAT_NEED_DATABASE
        is_read_error = error.code != ErrorCode.BAD_PROFILE and check_name in _CHECKS_OF_CREDENTIALS
        is_database_unavailable = error.code in _DATABASE_ERROR_CODES and check_name != "database"
        if has_no_room or is_read_error or is_database_unavailable:
            return "doctor.unseen.bad", "doctor.unseen.next"
        return f"doctor.{check_name}.bad", next_step

    def _report_versions(self) -> _CheckFacts:
        """Return the versions of the program, its schema, Python and Qt. This check always passes."""
        return {**read_versions()}

    def _check_installation(self) -> _CheckFacts:
        """Check that the hashes of the program's files are the same as when the files were installed."""
        folder, comparison = find_installed_folder(), check_installation()
        if comparison is None:
            return {}
        facts = {
            "folder": str(folder),
            "files": comparison.file_count,
            "altered": comparison.altered_paths,
            "missing": comparison.missing_paths,
        }
        return {"ok": not comparison.damaged_paths, "damaged": comparison.damaged_paths, **facts}

    def _check_home_folder(self) -> _CheckFacts:
        home = self._settings.home
        return {"ok": os.access(_find_existing_folder(home), os.W_OK | os.X_OK), "folder": str(home)}

    def _check_folder_privacy(self) -> _CheckFacts:
        """Check that other users of this machine have no access to the home folder and to the database file, and that
        the files of secrets are not readable for every user. A group of users may read a file of secrets, because
        systemd passes secrets in such files. On Windows no permission is checked; the check only reports whether the
        home folder or the database file is outside of the folder of the person's profile, which Windows closes to
        other users.
        """
        home, database_file = self._settings.home, self._settings.database_path
        if sys.platform == "win32":
            outside = [path for path in (home, database_file) if path and not path.is_relative_to(Path.home())]
            return {"verdict": "unchecked", "folder": str(outside[0])} if outside else {"folder": str(home)}
        exposed_database_files = (
            [database_file] if database_file is not None and is_open_to_others(database_file.parent) else []
        )
        open_paths = [path for path in (home, *exposed_database_files) if is_open_to_others(path)]
        open_paths += filter(is_readable_by_everybody, self._settings.secrets.secret_files)
        return {"ok": not open_paths, "folder": str(open_paths[0] if open_paths else home)}

    def _check_temporary_folder(self) -> _CheckFacts:
        """Check that a temporary file can be written. Raises storage_full if not."""
        with open_temporary_file() as file:
            file.write(b"0")
        return {"folder": str(get_temporary_folder())}

    def _check_free_space(self) -> _CheckFacts:
        """Check the free space on the disks of the home folder, the database file, the documents and the temporary
        files, and report the disk with the least free space.
        """
        home, file = self._settings.home, self._settings.database_path
        url = self._settings.documents_url
        document_folders = (parse_root_folder(url),) if url.startswith("file:") else ()
        database_folders = (file.parent,) if file is not None else ()
        folders = (home, *database_folders, *document_folders, get_temporary_folder())
        free_bytes = {folder: shutil.disk_usage(_find_existing_folder(folder)).free for folder in folders}
        folder = min(folders, key=free_bytes.__getitem__)
        free_space = free_bytes[folder]
        return {"ok": free_space >= ENOUGH_FREE_DISK_BYTES, "free_mb": free_space // 1024**2, "folder": str(folder)}

    def _check_schema(self) -> _CheckFacts:
        """Check that the database can be read and has this program's schema, and that its file can be written."""
        state = migrate.ensure_schema(self._database)
        unwritable_path = find_unwritable_path(self._settings.database_path) if self._settings.database_path else None
        if unwritable_path is not None:
            raise ConsoleError(
                ErrorCode.DATABASE_UNREACHABLE,
                {"problem": DatabaseUnreachableProblem.FILE_NOT_WRITABLE, "file": str(unwritable_path)},
            )
        return {"schema": state["schema"], "url": self._settings.masked_database_url}

    def _check_documents(self) -> _CheckFacts:
        documents = open_documents(self._settings.documents_url, self._database)
        documents.check_writable()
        return {"place": documents.location}

    @cached_property
    def _acts_through_worker(self) -> bool | ConsoleError:
        """Return True if a worker makes the calls for this desk's person, and False if the desk makes them itself. If
        the database can't be read, return the error of the read.
        """
        if not self._settings.sign_in.is_server:
            return False
        try:
            with self._database.read() as conn:
                return operators.acts_through_worker(conn, self._database.account_name or "")
        except ConsoleError as unreadable:
            return unreadable

    def _raise_worker_read_error(self) -> None:
        """Raise the database error if `_acts_through_worker` contains one. Without the database it is unknown if a
        worker acts for this desk's person, and therefore if this desk needs credentials."""
        if isinstance(self._acts_through_worker, ConsoleError):
            raise self._acts_through_worker

    def _check_store_key(self) -> _CheckFacts:
        """Check that this desk has a store key and, if the database can be read, that this key is the key of the
        database. Raises bad_profile if this desk has no store key, or if the database has another key.
        """
        if self._acts_through_worker is True:
            return {"verdict": "unneeded"}
        try:
            cipher = Cipher(self._settings.read_store_key())
        except ConsoleError:
            self._raise_worker_read_error()
            raise
        if self._read_store_key_fingerprint() not in (None, cipher.fingerprint):
            problem: BadProfileDetail = {
                "variable": "CONSOLE_SECRET_STORE_KEY",
                "problem": SettingProblem.OTHER_STORE_KEY,
            }
            raise ConsoleError(ErrorCode.BAD_PROFILE, problem)
        return {}

    def _read_store_key_fingerprint(self) -> str | None:
        """Return the fingerprint of the store key that the desks of this database share; None if no desk has used a
        store key yet. Also None if the database can't be read, because another check reports this error."""
        try:
            return migrate.ensure_schema(self._database).get(STORE_KEY_FINGERPRINT_NAME)
        except ConsoleError:
            return None

    def _check_worker(self) -> _CheckFacts:
        """Check that a running worker makes the calls for this desk's person."""
        worker = find_alive_worker(self._database, TimeScale(self._settings.time_scale))
        if worker is None:
            return {"ok": False}
        return {"worker": worker.name, "seconds": round(worker.seconds_since_renewal)}

    def _check_leftover_credentials(self) -> _CheckFacts:
        """Look for credentials that this desk doesn't need, because a worker makes the calls for the desk's person.
        The check always passes; credentials that are found are reported as advice.
        """
        leftovers = find_unneeded_credentials(self._settings)
        facts: dict[str, object] = {
            "entries": leftovers.keyring_entries,
            "variables": leftovers.environment_variables,
        }
        if leftovers.keyring_entries or leftovers.environment_variables:
            facts["verdict"] = "advice" if leftovers.keyring_entries else "given"
            facts["names"] = (*leftovers.keyring_entries, *leftovers.environment_variables)
        return facts

    def _check_operator_name(self) -> _CheckFacts:
        """Check that the acting person has a name: the database account on a server, otherwise the configured
        name. Raises bad_profile if a server's account has no name or a sign-in is missing.
        """
        sign_in = self._settings.sign_in
        name = sign_in.find_user_without_error() if sign_in.is_server else self._settings.operator
        if name is None and sign_in.is_server:
            problem = (
                SettingProblem.ACCOUNT_NAME_MISSING
                if sign_in.has_password_without_name()
                else SettingProblem.SIGN_IN_MISSING
            )
            raise ConsoleError(ErrorCode.BAD_PROFILE, {"problem": problem, "place": sign_in.database_address})
        return {"ok": name is not None, "operator": name or "-"}

    def _check_sign_in(self) -> _CheckFacts:
        """Check that this process has a complete sign-in for the database, and report the account, the address and
        the source of the sign-in."""
        sign_in = self._settings.sign_in
        sign_in.database_url()
        return {"operator": sign_in.user, "place": sign_in.database_address, "source": sign_in.account_source}

    def _check_help_contact(self) -> _CheckFacts:
        """Check that the settings have the name and the telephone number of the person to call for help, which the
        sign-in shows. The check always passes; a missing name or number is reported as advice.
        """
        name, telephone = self._settings.contact_name, self._settings.contact_telephone
        if name and telephone:
            return {"name": name, "telephone": telephone}
        return {"verdict": "advice"}

    def _check_alarmbox_settings(self) -> _CheckFacts:
        """Check that AlarmBox's secrets are set and that AlarmBox has authorised this console. The text about a
        failed check names only the missing part: secrets, the authorisation, or both."""
        if self._acts_through_worker is True:
            return {"verdict": "unneeded"}
        missing_names = self._settings.list_missing_secret_names("alarmbox")
        if missing_names:
            self._raise_worker_read_error()
        is_authorised = self._is_authorised_at_alarmbox()
        if missing_names:
            return {"ok": False, "verdict": "incomplete" if is_authorised else "bad", "missing": missing_names}
        if not is_authorised:
            return {"ok": False, "verdict": "unauthorised"}
        return {"url": self._settings.get_provider_url("alarmbox") or "https://api.alarmbox.jp"}

    def _is_authorised_at_alarmbox(self) -> bool:
        """True if the database has stored AlarmBox tokens, or the settings have the first refresh token, and AlarmBox
        hasn't refused these tokens. A refusal of the tokens has opened an alert, which stays open until a person has
        authorised the console again. Also True if the database can't be read, because another check reports this
        error.
        """
        has_first_token = bool(self._settings.read_secret("ALARMBOX_REFRESH_TOKEN"))
        try:
            migrate.ensure_schema(self._database)
            with self._database.read() as conn:
                subject_id = compute_provider_subject_id("alarmbox")
                if cases.find_open_case_id(conn, AUTHORISATION_RULE, PROVIDER_KIND, subject_id) is not None:
                    return False
                return has_first_token or read_token(conn, "alarmbox") is not None
        except ConsoleError:
            return True

    def _check_merchants(self) -> _CheckFacts:
        """Check that the settings of each provider name the merchant of this database, and list the merchants of the
        database. Raises bad_profile for the first provider whose settings name a merchant other than that of the
        database.
        """
        if self._acts_through_worker is True:
            return {"verdict": "unneeded"}
        database_id, stored_merchants = self._read_stored_merchants()
        for provider, stored in stored_merchants.items():
            own_merchant = self._settings.read_merchant(provider)
            digest = make_stored_merchant(database_id, provider, own_merchant, "").digest
            if own_merchant.merchant_id and digest != stored.digest:
                raise make_other_merchant_error(self._settings, provider, own_merchant, stored)
        return _describe_merchants(stored_merchants, "ok")

    def _report_merchants(self) -> _CheckFacts:
        """List the merchants of the database, with the accounts that have stored them. This check always passes. The
        check reads no secret, because the machine on which the schema account is used has no secrets. A person for
        whom a worker acts can't read the merchants.
        """
        if self._acts_through_worker is True:
            return {"verdict": "unneeded"}
        return _describe_merchants(self._read_stored_merchants()[1], "stored")

    def _read_stored_merchants(self) -> tuple[str, dict[str, StoredMerchant]]:
        """Return the id of the database, and its stored merchants by the name of the provider."""
        stored_facts = migrate.ensure_schema(self._database)
        return stored_facts["database_id"], {
            provider: StoredMerchant.parse(stored_facts[migrate.MERCHANT_NAME_PREFIX + provider])
            for provider in list_providers_with_merchant()
            if migrate.MERCHANT_NAME_PREFIX + provider in stored_facts
        }

    def _check_gateway_secrets(self, provider: str) -> HealthCheck:
        """Check that the payment provider `provider`, if an address or a secret of it is set, has all its secrets.
        The check passes if neither an address nor a secret is set. If the database can't be read, the text about
        missing secrets says that they weren't checked.
        """
        facts: dict[str, object] = {"provider": provider, "url": self._settings.get_provider_url(provider)}
        if self._acts_through_worker is True:
            return HealthCheck(provider, True, "doctor.gateway.unneeded", "", facts)
        try:
            missing_names = self._settings.list_missing_secret_names(provider)
        except ConsoleError as error:
            facts |= {"code": error.code, **error.detail}
            message = f"error.bad_profile.{error.detail.get('problem')}"
            return HealthCheck(provider, False, message, "error.bad_profile.next", facts)
        if facts["url"] is None and len(missing_names) == len(list_required_secret_names(provider)):
            return HealthCheck(provider, True, "doctor.gateway.off", "", facts)
        if missing_names:
            facts |= {"missing": missing_names}
            read_error = self._acts_through_worker
            if isinstance(read_error, ConsoleError):
                # Perhaps a worker acts for this desk's person, and this desk needs no secrets.
                message, next_step = self._make_wording_keys("gateway", read_error)
                facts |= {"code": read_error.code, "url": self._settings.masked_database_url, **read_error.detail}
                return HealthCheck(provider, False, message, next_step, facts)
            return HealthCheck(provider, False, "doctor.gateway.bad", "doctor.gateway.next", facts)
        return HealthCheck(provider, True, "doctor.gateway.ok", "", facts)

    def _check_overdue_tasks(self) -> _CheckFacts:
        """Check that no due task is overdue. The check passes if no task has ever run, or if this person may not read
        the tasks: the text of the check then says that no task is known."""
        migrate.ensure_schema(self._database)
        try:
            with self._database.read() as conn:
                stored_tasks = [task for task in tasks.list_tasks(conn) if task.name in INTERVAL_OF_TASK]
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_ALLOWED:
                raise
            stored_tasks = []  # not every role may read them
        scale, now = TimeScale(self._settings.time_scale), self._clock.now()
        overdue_names = [task.name for task in stored_tasks if is_task_overdue(task, now, scale)]
        joined_names = ", ".join(overdue_names) or "-"  # for programs; the sentence has the words of the tasks
        facts: _CheckFacts = {"late": joined_names, "tasks": overdue_names, "n": len(stored_tasks)}
        return {**facts, "ok": not overdue_names} if stored_tasks else {**facts, "verdict": "none"}

    def _check_database_rollback(self) -> _CheckFacts:
        """Check that the database still has the audit entries whose anchors are in this desk's spool, and that
        operations aren't stopped by an open alert of the rule `database_went_back`. Raises storage_full if the spool
        can't be written.
        """
        database_id = migrate.ensure_schema(self._database)["database_id"]
        spool_file = self._settings.home / SPOOL_FILE_NAME
        if (unwritable_path := find_unwritable_path(spool_file)) is not None:
            problem = ForeignText(f"{os.strerror(errno.EACCES)}: {unwritable_path}")
            raise ConsoleError(ErrorCode.STORAGE_FULL, {"file": str(spool_file), "problem": problem})
        spool = Spool(self._settings.home, cipher=None)
        try:
            missing_count = database_rollback.count_missing_anchors(spool, self._database, database_id)
            with self._database.read() as conn:
                finding = database_rollback.find_open_database_rollback(conn)
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_ALLOWED:
                raise
            return {"missed": 0, "alert": "-", "lost": 0, "operations": "-"}  # not every role may read them
        finally:
            spool.close()
        loss_facts = finding.make_refusal().detail if finding else {}
        alert, operations = loss_facts.get("alert", "-"), loss_facts.get("operations") or "-"
        facts = {
            "missed": missing_count,
            "alert": alert,
            "lost": loss_facts.get("count", 0),
            "operations": operations,
        }
        return {"ok": finding is None and not missing_count, **facts}

    def _check_lease_clock(self) -> _CheckFacts:
        """Report the time since this machine started, in seconds. The program measures the ages of leases by this
        time. This check always passes."""
        return {"uptime_s": boot_clock.read_uptime_ms() // 1000}

    def _check_redis_cache(self) -> _CheckFacts:
        """Check that Redis answers. A failure of this check is not urgent: the program also works without Redis, and
        still never repeats an operation."""
        from console.store.operations.redis_client import is_usable

        url = self._settings.redis_url or ""
        return {"ok": is_usable(url), "url": mask_password(url)}

    def _check_alert_publishing(self) -> _CheckFacts:
        """Check that the publisher of alerts is configured completely, and that no alert has waited too long in
        the outbox.
        """
        from console.store.alerts import alerts, outbox

        self._settings.alerts.require_usable_publisher(self._settings.read_secret)
        with self._database.read() as conn:
            counts, open_alerts = (
                outbox.count_unpublished_events(conn),
                alerts.list_open_alerts_of_rule(conn, outbox.UNPUBLISHED_RULE, 1),
            )
        return {
            "ok": not open_alerts,
            "way": self._settings.alerts.publisher_kind,
            "waiting": counts.unpublished_count,
            "since": counts.oldest_created_at,
        }

    def _has_notice_key(self) -> bool:
        """True if this desk has the key of a source of signed notices."""
        names = self._settings.secrets.list_secret_names_in_environment()
        return any(re.fullmatch(NOTICE_KEY_PATTERN, name) for name in names)

    def _check_notice_keys(self) -> _CheckFacts:
        """Check that the key of each source of signed notices has at least MIN_NOTICE_KEY_CHARACTERS characters. A
        notice books money, and its signature is the only proof: a person who has one signed notice can guess a short
        key.
        """
        from console.services.payment_intake.signed_notices import (
            MIN_NOTICE_KEY_CHARACTERS,
            list_notice_sources,
            read_notice_key,
        )

        keys = {name: read_notice_key(self._settings, name) for name in list_notice_sources(self._settings)}
        short = [name for name, key in keys.items() if key is not None and len(key) < MIN_NOTICE_KEY_CHARACTERS]
        secrets = self._settings.secrets
        variables = ", ".join(secrets.get_variable_with_secret(f"NOTICE_{name.upper()}_KEY") for name in short)
        facts = {"sources": ", ".join(short or keys), "variables": variables, "n": MIN_NOTICE_KEY_CHARACTERS}
        return {"ok": not short, **facts}

    def _has_corporation_registry(self) -> bool:
        """True if this desk has a corporation registry, or a watched folder for the registry's files."""
        return self._settings.registry_folder is not None or (self._settings.home / "registry").is_dir()

    def _check_corporation_registry(self) -> _CheckFacts:
        """Check that the watched folder of the registry's files can be read and has no file of a future day, and
        report the registry date. The check passes if no file was imported yet.
        """
        from console.store.registry.reader import open_registry
        from console.store.registry.watched_folder import WatchedFolder

        watched_folder, registry_folder = self._settings.registry_folder, self._settings.home / "registry"
        if watched_folder is not None and not os.access(watched_folder, os.R_OK | os.X_OK):
            return {"ok": False, "folder": str(watched_folder)}
        if watched_folder is not None:
            today = self._clock.now().astimezone(JST).date()
            future_files = WatchedFolder(watched_folder, registry_folder).list_future_files(today)
            if future_files:
                return {"ok": False, "verdict": "future", "file": future_files[0].name}
        reader = open_registry(registry_folder)
        if reader is None:
            return {"verdict": "empty"}
        with closing(reader):
            status = reader.read_status()
        return {"day": status.registry_date.isoformat(), "n": status.rows}

    def _check_test_switches(self) -> _CheckFacts:
        """List the test switches that are on, and the names of all failpoints (points at which a test can stop a
        process). The check fails if a switch is on.
        """
        active_test_switches = self._settings.active_test_switches
        return {
            "ok": not active_test_switches,
            "on": ", ".join(active_test_switches) or "-",
            "failpoints": ", ".join(failpoint_names.ALL_FAILPOINTS),
        }


def _find_existing_folder(folder: Path) -> Path:
    """Return `folder` if it exists, otherwise the nearest existing folder above it, in which the program will create
    `folder`."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _describe_merchants(merchants: Mapping[str, StoredMerchant], verdict: str) -> _CheckFacts:
    """Return the facts of the check of merchants: each merchant with its environment and the account that has stored
    it. `verdict` selects the text about the check. If the database has no merchant, the verdict is `unbound` instead.
    """
    if not merchants:
        return {"verdict": "unbound"}
    texts = (
        f"{provider} {merchant.masked_id} ({merchant.environment}, {merchant.stored_by})"
        for provider, merchant in merchants.items()
    )
    return {
        "verdict": verdict,
        "merchants": ", ".join(texts),  # for programs; the sentence has the words of the providers
        "stored_merchants": [
            {
                "provider": provider,
                "merchant": merchant.masked_id,
                "environment": merchant.environment,
                "person": merchant.stored_by,
            }
            for provider, merchant in merchants.items()
        ],
    }


def _make_health_check(finding: fitness.FitnessFinding) -> HealthCheck:
    """Return a health check for a finding about the database's settings. If the finding doesn't stop purchases,
    the check passes and contains a next step as advice.
    """
    if finding.has_passed:
        verdict = "partial" if finding.is_partial else "ok"
    else:
        verdict = "bad" if finding.stops_purchases else "advice"
    name = f"doctor.{finding.check_name}"
    return HealthCheck(
        finding.check_name,
        finding.has_passed or not finding.stops_purchases,
        f"{name}.{verdict}",
        "" if finding.has_passed else f"{name}.next",
        finding.facts,
    )
