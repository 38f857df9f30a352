"""Keeping services running where systemd does not: a small supervisor, standard library only.

It is packed into one executable file for virtual nodes, where it is PID 1 (`wherry-supervise`), and keeps `master run`
alive on the master's machine.  How it works: a `Child` holds what is wanted and what is; `plan(child, now)` says the
one next action, and the loop does it.  The loop wakes for signals, for requests on a socket and for the next due time.

Belongs here: files of services, their processes, their logs.  Does not: anything that knows what the services are, or
that imports more than the standard library.
"""
