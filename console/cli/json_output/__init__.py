"""Answers of commands as JSON objects. Other programs rely on the names and types of their fields."""
