"""`support-console worker` that also writes down when it committed what: FILE and then the words for the console."""

import sys
from pathlib import Path

from console.cli.main import main
from tests.support import commit_log

if __name__ == "__main__":
    commit_log.keep(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
