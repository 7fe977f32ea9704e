"""The corporation registry: search, facts about a number, names for records, imports."""
