"""The training: invented exercises that a person settles with the ordinary screens, and their verdicts."""
