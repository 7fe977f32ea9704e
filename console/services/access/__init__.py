"""Access to the database: the accounts of a database server, the operators (people with roles), sign-in, the
read-only switches, and the end of database sessions whose locks block other sessions.
"""
