"""What the services of all kinds of records share."""
