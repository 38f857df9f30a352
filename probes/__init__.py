"""Facts of a machine: a command or a file, and a pure parser; the doctor's checks and verdicts.

Standard library only, so that it runs on a bare board, also as one file (`agent doctor --pack FILE`).

    looking, reaching   the two ways a probe touches a machine: files and commands; the network
    checks/             the table of checks: from a look to one finding each
    checking            runs the table within a time limit and puts symptoms under their cause
    findings, mending   how findings are told; how a safe fix is applied and undone

Does not belong: anything that changes the machine unasked.
"""
