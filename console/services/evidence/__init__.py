"""Evidence packs and timelines of records."""
