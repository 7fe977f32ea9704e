"""Values and rules of reconciliations."""
