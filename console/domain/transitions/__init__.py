"""Transition tables: the allowed state changes of records. The table for payments is in
`console.domain.payments.states`.
"""
