"""The training: twelve exercises at simulated providers, which a person solves. The ledgers of the providers and
our records show whether the person was right."""
