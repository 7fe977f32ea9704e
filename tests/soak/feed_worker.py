"""Runs `support-console worker` and logs the moment of each COMMIT (see commit_log.py). The first argument is the
path of the log file, the others are the arguments of the command."""

import sys
from pathlib import Path

from console.cli.main import main
from tests.support import commit_log

if __name__ == "__main__":
    commit_log.log_commits(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
