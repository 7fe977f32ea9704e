"""The dialogs of the window: decisions with their outcome, and short lists."""
