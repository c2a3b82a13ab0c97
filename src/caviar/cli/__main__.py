"""`python -m caviar.cli`."""

import sys

from caviar.cli import main

if __name__ == "__main__":
    sys.exit(main())
