"""The choices by which people recover a record, with the facts and effects of each choice."""
