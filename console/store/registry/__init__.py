"""The corporation registry: a SQLite file of its own, made from the files of the registry's publisher. It contains
no records of the console."""
