"""Measures speed. Each figure is compared, in the same run, with a floor (the least possible work) or a peer (another
way to do the same), and has a goal for the ratio."""
