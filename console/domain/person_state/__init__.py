"""Names and retention times of what a person's window keeps encrypted at its desk."""
