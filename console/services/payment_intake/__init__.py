"""Receive the payment reports that providers send without a request (notices, callbacks, daily files), and import
single payments that our database doesn't have.
"""
