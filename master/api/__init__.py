"""The HTTP edge: authentication, authorization, admission (one file each), registry, watch cache, discovery, tables.

Belongs here: what a request meets on its way to the store and back.  Does not: controllers' or scheduler's decisions.
"""
