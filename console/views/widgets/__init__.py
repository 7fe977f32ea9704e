"""The controls every page is made of. They take plain values and words, and know no service."""
