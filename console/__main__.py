"""Runs `python -m console`, which is the same as the command `support-console`."""

import sys

from console.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
