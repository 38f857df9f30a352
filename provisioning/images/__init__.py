"""Images without a registry: OCI archives made reproducibly from Debian's packages and from nothing.

`archives` lays out an OCI image (pure: the same contents give the same bytes), `pause` is a program written byte by byte,
`packages` finds a program of Debian for any architecture, `catalogue` is the table of the images we make,
`loading` hands an archive to the nodes, `commands` are `master image ...`.
"""
