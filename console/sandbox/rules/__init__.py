"""The table of faults, and the rules that decide which call gets which fault."""
