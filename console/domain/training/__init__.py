"""The training: invented incidents that a person settles with the ordinary screens, and their verdicts."""
