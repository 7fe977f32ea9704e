"""The dialogs in which a person starts a bulk run, watches its progress, and stops, resumes or discards it."""
