"""The parts that every command of the terminal uses: base classes of commands, the writer of the answer, the log on
stderr, passwords and stop signals.
"""
