"""Nothing that a window shows is cut: every screen, in both languages, at every text size."""
