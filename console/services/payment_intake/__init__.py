"""Receive the payment reports that providers send without being asked (notices, callbacks, daily files), and import
single payments that our database doesn't have.
"""
