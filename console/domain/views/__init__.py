"""Results of services that can hold records of any kind."""
