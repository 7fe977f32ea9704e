"""The simulated Atom, a payment provider."""
