"""The page at https://MASTER:6443/ui/: the cluster as people look at it.

Here belong the page's files (`files/`, plain modules of JavaScript: no library, no build step) and what serves them.  The
page is a client of the API like any other, with the rights of whoever signs in: nothing is decided here, and nothing
that the API holds is in these files.
"""
