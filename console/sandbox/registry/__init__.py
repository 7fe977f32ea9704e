"""The simulated corporation registry: invented corporations in files like the publisher's, and its Web-API.

The names and addresses are put together from lists of words; the numbers begin (after the check digit) with 98 or 99,
which no registry office has.
"""

from console.sandbox.registry.changes import (
    close_company,
    delete_company,
    merge_company,
    move_company,
    rename_company,
    reopen_company,
)
from console.sandbox.registry.files import write_difference_file, write_whole_file
from console.sandbox.registry.invented_registry import InventedRegistry
from console.sandbox.registry.rows import RegistryRow, make_company_row

__all__ = [
    "InventedRegistry",
    "RegistryRow",
    "close_company",
    "delete_company",
    "make_company_row",
    "merge_company",
    "move_company",
    "rename_company",
    "reopen_company",
    "write_difference_file",
    "write_whole_file",
]
