"""`python -m console`: the same as the `support-console` command."""

import sys

from console.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
