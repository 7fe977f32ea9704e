"""Values and rules of reconciliations with a provider's history."""
