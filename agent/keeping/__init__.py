"""What a node keeps for the time when no master answers: its pods and what they name, the Services, the other nodes' routes.

Belongs here: the shelf on the disk, its seal, and who puts on it what informers hear.  Does not: what pods or Services are.
"""

KEPT_FILE = "kept.db"
"""In the state folder."""
KEY_FILE = "kept.key"
"""In the settings' folder."""
