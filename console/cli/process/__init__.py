"""Modules that all commands of the terminal use: the parser, base classes of commands, the writer of the answer,
the log on stderr, passwords and stop signals.
"""
