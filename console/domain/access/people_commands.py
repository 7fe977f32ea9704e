"""Names of the commands that disable and enable people. Desk requests, proposals and audit entries contain these
names."""

OPERATOR_KIND = "operator"
"""Kind of a person as the subject of an audit entry, of a desk request and of a proposal."""
DISABLE_COMMAND = "people disable"
ENABLE_COMMAND = "people enable"
