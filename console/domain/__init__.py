"""Pure rules and values: no I/O, no import of ours outside this room."""
