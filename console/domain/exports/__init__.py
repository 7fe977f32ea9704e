"""Values of exported lists."""
