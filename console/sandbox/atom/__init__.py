"""The simulated Atom payment gateway."""
