"""Keyrings for tests: a working keyring in memory, a locked keyring, one that doesn't answer, and one that
refuses to delete entries."""

from collections.abc import Mapping
from threading import Event


class MemoryKeyring:
    """A working keyring that stores its `entries` in memory. `read_names` lists the names that were read."""

    def __init__(self, entries: Mapping[str, str] | None = None) -> None:
        self.entries = dict(entries or {})
        self.read_names: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.read_names.append(username)
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[username]


class LockedKeyring(MemoryKeyring):
    """A locked keyring: each read and write raises RuntimeError."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the collection is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the collection is locked")


class SilentKeyring(MemoryKeyring):
    """A keyring that answers no read until the event `answers` is set."""

    def __init__(self, entries: Mapping[str, str] | None = None) -> None:
        super().__init__(entries)
        self.answers = Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answers.wait()
        return super().get_password(service, username)


class KeyringWithoutDeletion(MemoryKeyring):
    """A keyring that raises RuntimeError on a deletion unless `allows_deletion` is True."""

    allows_deletion = False

    def delete_password(self, service: str, username: str) -> None:
        if not self.allows_deletion:
            raise RuntimeError("the collection can't be changed")
        super().delete_password(service, username)
