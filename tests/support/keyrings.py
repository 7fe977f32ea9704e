"""Keyrings for tests: one that keeps what it is given, and one that its owner did not unlock."""

from collections.abc import Mapping


class DrawerKeyring:
    """A keyring that keeps what it is given, for desks that have one."""

    def __init__(self, kept: Mapping[str, str] | None = None) -> None:
        self.kept = dict(kept or {})
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        return self.kept.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[username]


class LockedKeyring(DrawerKeyring):
    """A keyring whose owner did not unlock it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the collection is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the collection is locked")


class StubbornKeyring(DrawerKeyring):
    """A keyring that can be read, but deletes an entry only while `deletes` is True."""

    deletes = False

    def delete_password(self, service: str, username: str) -> None:
        if not self.deletes:
            raise RuntimeError("the collection can't be changed")
        super().delete_password(service, username)
