"""Recovery of records that are not settled: queues, single operations, the possible actions on a record, and answers
to repeated calls.
"""
