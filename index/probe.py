"""Open one version of the index and ask it something; run as `python -m index.probe FOLDER`.

A process of its own, because a damaged HNSW file can take the process that opens it down.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from index.errors import KarmalinkError
from index.store import Index
from index.version import VECTORS, read_version


def main() -> int:
    """Exit status 0 if the version answers as it should; what is wrong is the last line of the output."""
    import numpy as np

    path = Path(sys.argv[1])
    try:
        index = Index(read_version(path, "karmalink build"))
        vectors = np.load(path / VECTORS, mmap_mode="r")
        if len(vectors) != len(index.passages):
            print(f"there are {len(vectors)} vectors for {len(index.passages)} passages")
            return 1
        for row in {0, len(vectors) // 2, len(vectors) - 1}:
            found = index.search(vectors[row].tolist(), 3, spoilers=True, today=datetime.date.max)
            if not found or found[0][1] < 0.999:
                print(f"passage {row} is not found by its own vector")
                return 1
    except (KarmalinkError, OSError, ValueError, KeyError, TypeError) as error:
        print(" ".join(str(error).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
