"""Evidence packs and timelines."""
