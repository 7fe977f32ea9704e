"""What goes over the wire: one small protocol, one transport, one module per provider."""
