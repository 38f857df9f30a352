"""Custom resources: what CustomResourceDefinitions say becomes kinds that are served like the built-in ones.

Belongs here: reading definitions, what their schemas mean for objects (pruning, defaults, checks, rules), their columns,
and the life of a definition (its names accepted, its objects deleted with it).  Does not: whether a definition itself is
valid (master.api.validation), and how objects are stored and served (the registry, the same for all kinds).
"""
