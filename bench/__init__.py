"""Loads and budgets: what things cost, each figure beside its budget, in one table.  `python -m bench [NAME…]` prints it.

A module of the list in `__main__` has `rows()`, which measures and yields `Row`s.  Figures are of the machine they were
taken on; budgets are for two cores of a small PC.
"""
