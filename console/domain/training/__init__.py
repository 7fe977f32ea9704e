"""The training: invented exercises that a person solves with the ordinary screens, and their verdicts."""
