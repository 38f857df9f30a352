"""`python -m provisioning.supervising`: the supervisor's command line."""

import sys

from provisioning.supervising.commands import main

if __name__ == "__main__":
    sys.exit(main())
