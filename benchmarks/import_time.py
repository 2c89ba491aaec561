"""What each run pays before it does anything: importing the code location and loading its definitions.

Prints seconds, and how they compare to `import dagster` alone, which no code location can be quicker than.
Each figure is the middle of several fresh processes; the cases take turns, so that a busy moment hits all of them.

    python benchmarks/import_time.py [rounds]
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = {
    "import dagster": "import dagster",
    "import spotify_assets.definitions": "import spotify_assets.definitions",
    "… and call defs()": "from spotify_assets.definitions import defs; defs()",
}
ALONE = "import dagster"
_TIMED = "import time; start = time.perf_counter(); {code}; print(time.perf_counter() - start)"


def measure(code: str, home: Path) -> float:
    """Seconds that the code takes in a new process, without the start of Python itself."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code=code)],
        env={**os.environ, "SPOTIFY_ASSETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for code in CASES.values():
            measure(code, home)  # compiles the bytecode, fills the disk's cache, makes dbt's manifest
        seconds: dict[str, list[float]] = {name: [] for name in CASES}
        for _ in range(rounds):
            for name, code in CASES.items():
                seconds[name].append(measure(code, home))
    floor = statistics.median(seconds[ALONE])
    print(f"{'':36}{'median s':>10}{'fastest':>10}{'ratio':>8}   of {rounds} runs each")
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        print(f"{name:36}{middle:10.2f}{min(taken):10.2f}{middle / floor:8.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
