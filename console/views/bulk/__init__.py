"""Dialogs in which a person begins, watches and ends a bulk run."""
