"""A day in the life of a shop, compressed: real workers, real MariaDB, providers that go wrong, and an oracle."""
