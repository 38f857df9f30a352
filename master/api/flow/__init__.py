"""Flow limits: a client that floods waits and is refused, while everybody else is served.

Belongs here: which priority level a request has (`schemas`, pure) and whose turn it is (`turns`).  Does not: what a
request may do (master.api.authz).
"""
