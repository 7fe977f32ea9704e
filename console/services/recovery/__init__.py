"""Recovery: queues, operations, choices for open records, answers to repeated calls."""
