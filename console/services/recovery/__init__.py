"""Recovery of records whose outcome is unknown or that wait for a step: the queues of such records, single
operations, the possible actions on a record, and the answers to repeated calls."""
