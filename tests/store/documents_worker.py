"""A process that stores twenty documents at the URL given as argument, for tests. It prints "ready", waits for a line
on stdin, stores the documents and prints their paths.
"""

import sys

from console.store.documents.documents import Documents


def main(url: str) -> None:
    documents = Documents(url)
    documents.check_writable()
    print("ready", flush=True)
    sys.stdin.readline()
    print(*(documents.store(b"%PDF-1.7 " + bytes([number]) * 50_000).path for number in range(20)))


if __name__ == "__main__":
    main(sys.argv[1])
