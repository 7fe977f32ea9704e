"""Names and retention times of the values that a person's window stores encrypted at its desk."""
