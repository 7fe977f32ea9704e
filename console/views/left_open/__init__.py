"""The dialog that lists unfinished work. The window also shows a person's own unfinished work in it before the person
leaves the window."""
