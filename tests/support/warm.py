"""What every child would import or compute for itself, done once in the process that they are forked from."""

import codecs
import importlib
import pkgutil
from types import ModuleType

import console.providers
import console.services
import console.store
from console.domain.corporation_number import check_digit
from console.store.cipher import Cipher
from tests.support.desks import STORE_KEY


def _import_all(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not found.ispkg:
            importlib.import_module(found.name)


for part in (console.providers, console.services, console.store):
    _import_all(part)
# These import or compute something when they are first asked, the last one slowly on purpose; it is remembered.
WARMED = (check_digit("180301018771"), codecs.lookup("utf-8-sig"), Cipher(STORE_KEY).fingerprint)
