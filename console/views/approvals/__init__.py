"""The approvals page of the window, on which a second person decides about refund requests and reads proposed
outcomes."""
