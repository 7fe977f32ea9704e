"""The world of the training: a temporary home with simulated providers, invented people, and the ledgers' answers."""
