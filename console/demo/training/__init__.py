"""The surroundings of the training: a temporary home with simulated providers, invented people, and the ledgers of
the simulated providers, by which the training checks a person's work."""
