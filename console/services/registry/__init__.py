"""The corporation registry: search, facts about a corporation number, the corporations of records, and imports of
the publisher's files."""
