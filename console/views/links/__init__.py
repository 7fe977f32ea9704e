"""Links in the window: receiving them, and the routes that they open."""
