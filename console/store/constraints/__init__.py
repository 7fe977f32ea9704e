"""Rules that the database itself enforces by triggers, and checks that the database is safe for real money."""
