"""One engine, once, in a process of its own: ``python -m benchmarks.engine NAME EVENTS OUT [LIMIT]``.

Prints one line of JSON: the seconds of the work itself, without the start of Python and the imports, and the most bytes
of memory that were ever resident. LIMIT is in bytes of data (RLIMIT_DATA: heap and private maps of this process).
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ENGINES = {
    "ours": ("benchmarks.ours", "run"),
    "ours, computed": ("benchmarks.ours", "compute"),
    "polars": ("benchmarks.peers.polars_snapshots", "run"),
    "duckdb": ("benchmarks.peers.duckdb_asof", "run"),
    "polars grid": ("benchmarks.peers.polars_grid", "run"),
    "pandas": ("benchmarks.peers.pandas_snapshots", "run"),
    "pyarrow scan": ("benchmarks.scan", "with_pyarrow"),
    "polars scan": ("benchmarks.scan", "with_polars"),
}


def main(name: str, events: str, out: str, limit: str = "") -> None:
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
    module, function = ENGINES[name]
    run: Callable[[Path, Path], None] = getattr(import_module(module), function)
    gc.freeze()  # what was imported stays: nobody's collector need look at it again
    begun = time.perf_counter()
    run(Path(events), Path(out))
    print(json.dumps({"work": time.perf_counter() - begun, "peak": _peak()}))


def _peak() -> int:
    """Bytes; of this program only, where rusage would count what the parent held when it forked."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
