"""Desired and observed pods become steps: a literal state machine and a pure plan; probes, volumes, status."""
