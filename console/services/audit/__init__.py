"""The audit trail: entries about refusals and about opened records, the hourly roots, and the list, verification
and export of the trail."""
