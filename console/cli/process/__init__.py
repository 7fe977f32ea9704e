"""The parts that every command of the terminal uses: the parser, base classes, the writer of the answer, the log on
stderr, passwords and stop signals.
"""
