"""Choices that people have to recover a record, with their facts and effects."""
