"""Imports modules and computes values that every child process needs, once in the process from which the children are
forked.
"""

import codecs
import gc
import importlib
import pkgutil
from types import ModuleType

import console.providers
import console.services
import console.store
from console.app import open_console
from console.domain.corporation_number import compute_check_digit
from console.domain.records import PurchaseRequest
from console.settings.settings import Settings
from console.store.spool.cipher import Cipher
from tests.support.desks import CORPORATION_NUMBERS, STORE_KEY, UNUSED_URL, make_environment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import make_quick_folder


def _import_all_modules(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.ispkg and module.name != "console.store.migrations.env":  # that one needs Alembic around it
            importlib.import_module(module.name)


def _make_one_purchase() -> None:
    """Make one purchase in a temporary database, so that all child processes have the compiled statements (see
    compiled.py).
    """
    with (
        make_quick_folder() as home,
        open_console(
            Settings.load(make_environment(home, UNUSED_URL)), credit_check_adapter=InMemoryAlarmBox()
        ) as desk,
    ):
        desk.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))


for part in (console.providers, console.services, console.store):
    _import_all_modules(part)
# These import or compute something when they are first asked, the last one slowly on purpose; it is remembered.
WARMED_VALUES = (compute_check_digit("180301018771"), codecs.lookup("utf-8-sig"), Cipher(STORE_KEY).fingerprint)
_make_one_purchase()
# Freeze these objects: a child's garbage collector would walk through them, and so copy their pages.
gc.collect()
gc.freeze()
