"""Tools of this project that the Makefile calls, in addition to the usual ones such as ruff and pytest."""
