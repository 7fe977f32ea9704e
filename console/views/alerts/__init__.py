"""The alerts page of the window: a list of incidents, each with its alerts, and the dialogs for the actions on
them."""
