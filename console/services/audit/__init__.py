"""The audit trail: entries about refusals and about opened records, the hourly roots, and its list, verification
and export."""
