"""The commands `lookup` and `find`, and their answers."""
