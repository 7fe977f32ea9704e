"""Types and functions that the services of all kinds of records share."""
