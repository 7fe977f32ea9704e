"""The service layer: the actions that the window, the terminal and the worker share, with their rules.

Many methods raise not_allowed if the acting person has no right to the action. A method that checks the right with
`ServiceContext.require_right` also raises no_operator if no name of a person is configured, and read_only while a
read-only switch stops the action; not every text repeats this.
"""
