"""How long `caviar report` takes, and how large its file is, for made-up searches of up to 10,000 trials.

PYTHONPATH=tests python benchmarks/search_report.py [TRIALS ...]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from caviar.reporting.tuning_kept import kept
from caviar.reporting.tuning_report import write_report
from reporting.made_tuning import made_search


def main() -> None:
    """One line per size."""
    print("trials  made, s  read, s  report, s  of both on the processor, s  file, MB  memory, MB")
    for trials in [int(word) for word in sys.argv[1:]] or [100, 1_000, 10_000]:
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            folder = made_search(Path(place) / "run", trials, size=64, rungs=True)
            made, busy = time.perf_counter(), time.process_time()
            found = kept(folder)
            read = time.perf_counter()
            path = write_report(found)
            done, busy = time.perf_counter(), time.process_time() - busy
            size = path.stat().st_size / 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        times = f"{made - began:7.1f}  {read - made:7.1f}  {done - read:9.1f}  {busy:27.1f}"
        print(f"{trials:>6}  {times}  {size:8.2f}  {memory:10.0f}")


if __name__ == "__main__":
    main()
