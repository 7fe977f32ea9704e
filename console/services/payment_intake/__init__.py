"""Intake of payment reports that providers send by themselves (notices, callbacks, files), and imports of single
payments.
"""
