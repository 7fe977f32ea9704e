"""Parts that the pages of all kinds of records share: header, actions, tabs, and the dialogs for decisions by
evidence and for notes.
"""
