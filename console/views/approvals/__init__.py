"""The page of refund approvals."""
