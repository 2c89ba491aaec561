"""What recaps cost on 1,000,000 streams: the full build, a tick with 50 new plays, and the queries of docs/queries.md.

Ten listeners with 100,000 streams each over ten years, the last year polled as well (see tick_cost.py). Each query is
asked of one listener nine times on a warm database; prints the median and the slowest of each.

    python benchmarks/recaps.py [streams [listeners]]
"""

import re
import statistics
import sys
import time
from pathlib import Path

import psycopg
from tick_cost import TICKS, built

QUERIES = Path(__file__).resolve().parent.parent / "docs" / "queries.md"
TIMES = 9


def queries() -> list[str]:
    """The documented queries, of the first listener of the benchmark."""
    blocks = re.findall(r"```sql\n(.*?)```", QUERIES.read_text(), re.DOTALL)
    return [block.strip().removesuffix(";").replace("'alex'", "'ada0'") for block in blocks]


def main() -> None:
    numbers = [int(number) for number in sys.argv[1:]]
    rows, listeners = [*numbers, *[1_000_000, 10][len(numbers) :]]
    with built(rows, rows // listeners) as (warehouse, tick):
        ticks = [tick(number) for number in range(TICKS + 1)][1:]
        print(f"  a tick with 50 new plays: {statistics.median(ticks):.2f} s, at most {max(ticks):.2f} s", flush=True)
        medians, slowest = [], []
        with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
            for query in queries():
                seconds = []
                for _ in range(TIMES):
                    started = time.perf_counter()
                    found = connection.execute(query.encode()).fetchall()
                    seconds.append(time.perf_counter() - started)
                medians.append(statistics.median(seconds))
                slowest.append(max(seconds))
                source = re.findall(r"from (marts\.\w+)", query)[0]
                print(f"  {1000 * medians[-1]:7.1f} ms, at most {1000 * slowest[-1]:7.1f}: {source}, {len(found)} rows")
        print(f"median of the medians {1000 * statistics.median(medians):.1f} ms, slowest {1000 * max(slowest):.1f} ms")


if __name__ == "__main__":
    main()
