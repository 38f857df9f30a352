"""The checks: each a function from a look at the machine to one finding, and the table of them all.

Sources of the causes: reports of users of edge clusters; each says what it breaks in the words a user would use.
A check without a fault that makes it speak (tests/faults) does not count.
"""
