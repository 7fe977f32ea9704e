"""Alerts: the rules by which they are raised, the incidents that join them, and the alert events that other
programs receive."""
