"""Evidence packs, evidence bundles and their verification, and the timelines of records."""
