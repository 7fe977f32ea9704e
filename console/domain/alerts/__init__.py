"""Rules by which alerts about orders are raised, and the alert events that other programs receive."""
