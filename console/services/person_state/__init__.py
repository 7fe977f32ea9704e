"""Values that a person's windows store encrypted at this desk."""
