"""The environment of a training: a temporary home folder with simulated providers, invented people, and the ledgers
of the simulated providers. The training compares a person's work with these ledgers."""
