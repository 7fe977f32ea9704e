"""Rules and values of the program. The modules of this package do no I/O and import no other package of the
program.
"""
