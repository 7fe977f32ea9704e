"""Parts that the pages of all records share: header, actions, tabs, and dialogs for decisions and notes."""
