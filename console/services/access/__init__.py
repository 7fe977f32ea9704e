"""Access to the database: its accounts, the operators (people with roles) and their sessions."""
