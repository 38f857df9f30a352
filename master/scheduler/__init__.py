"""Where a pod goes: a pure function of an immutable snapshot, with reasons; and the thin loop that feeds it."""
