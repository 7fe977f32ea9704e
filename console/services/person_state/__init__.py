"""What a person's windows keep encrypted at this desk."""
