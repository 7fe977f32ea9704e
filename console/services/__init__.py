"""The service layer: the actions that the window, the terminal and the worker share, with their rules.

Many methods raise not_allowed if the acting person has no right to the action. A method that checks the right with
`ServiceContext.require_right` also raises no_operator if no name of a person is configured, and read_only while a
read-only switch stops the action; not every text repeats this.

Many methods have the parameter `request_id`, the id of the caller's request. A call with the id of an earlier call
changes nothing and returns the answer of the earlier call. If `request_id` is None, each call is executed.
"""
