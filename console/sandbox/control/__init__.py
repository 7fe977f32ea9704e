"""The sandbox's control API, through which tests and the demo set faults and move payments, and the client of this
API.
"""
