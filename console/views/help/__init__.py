"""Help: the words of the screen, the list of keys, and the program's version."""
