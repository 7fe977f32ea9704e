"""The dialog that lists unfinished work, and the list of their own unfinished work that the window shows to people
before they leave it."""
