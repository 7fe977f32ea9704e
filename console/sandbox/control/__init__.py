"""The sandbox's control API, through which tests and the demo set faults and change the states of payments, and the
client of this API.
"""
