"""The figures of speed: each beside its floor or peer of the same run, with the ratio and the goal."""
