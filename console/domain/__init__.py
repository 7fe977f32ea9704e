"""Rules and values without I/O; this package imports nothing of ours from outside itself."""
