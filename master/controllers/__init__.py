"""What keeps the cluster as it was asked to be: one file a controller, a pure plan, and one shared loop that applies it.

Belongs here: `loop` and `queue` (keys, back-off, sweeps), `context` (client, shared informers, events), `objects` (words
about objects that several need), and a file for each controller with `build(context) -> Loop`.  A wake-up carries a key
and nothing else; `reconcile(key)` reads the present, `plan(...)` says what is missing, and the same function serves
events, retries and sweeps.  Does not: anything that decides where a pod runs, or that knows the API server's inside.
"""
