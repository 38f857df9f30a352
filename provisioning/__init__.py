"""Bringing machines in: SSH transport, steps, join, images, virtual nodes.  Steps yield commands; the runner runs."""
