"""Widgets and actions that the pages of all kinds of records share: header, actions, tabs, table columns, and the
dialogs for notes and for decisions by evidence."""
