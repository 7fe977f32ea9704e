"""What every command needs in its process: base classes, the writer of the answer, the log, passwords and signals."""
