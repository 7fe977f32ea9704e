"""The dialog that lists unfinished work, and the list of their own unfinished work that a person sees before leaving
the window."""
