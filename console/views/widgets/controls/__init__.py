"""Widgets that the person presses, types into or chooses from: buttons, fields, lists of choices and tabs."""
