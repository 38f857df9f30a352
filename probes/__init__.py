"""Facts of a machine: a command or a file, and a pure parser; the doctor's checks and verdicts.

Standard library only, so that it runs on a bare board.  Does not belong: anything that changes the machine.
"""
