"""`python -m spotify_assets.simulator`: runs until SIGTERM or Ctrl-C, and prints its address as the first line."""

import argparse
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import get_args

from spotify_assets.simulator.catalogue import BEGINNING
from spotify_assets.simulator.config import KworbTable, Rotation, SimulatorConfig, Tier, listener_names
from spotify_assets.simulator.server import SimulatorServer


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _first_day(text: str) -> date:
    day = date.fromisoformat(text)
    if day < BEGINNING:
        raise argparse.ArgumentTypeError(f"only from {BEGINNING} on does every artist have an album out")
    return day


def _names(text: str) -> tuple[str, ...]:
    return listener_names(int(text)) if text.isdigit() else tuple(text.split(","))


def read_arguments(arguments: list[str] | None = None) -> SimulatorConfig:
    """The configuration that a command line asks for; what it doesn't mention keeps its default."""
    parser = argparse.ArgumentParser(
        prog="python -m spotify_assets.simulator", argument_default=argparse.SUPPRESS, description=__doc__
    )
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, help="default: any free port")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--at", type=_moment, help="stop the clock at this ISO time")
    parser.add_argument("--running", action="store_true", help="let the clock run on from --at")
    parser.add_argument("--listeners", type=_names, help="a number, or names separated by commas")
    parser.add_argument("--history-start", type=_first_day, help=f"{BEGINNING} or later")
    parser.add_argument("--plays-a-day", type=float)
    parser.add_argument("--time-zone")
    parser.add_argument("--late-plays", type=float)
    parser.add_argument("--very-late-plays", type=float)
    parser.add_argument("--short-pages", type=float)
    parser.add_argument("--local-files", type=float)
    parser.add_argument("--replay", type=Path, help="recorded polls (.jsonl.xz)")
    parser.add_argument("--known-export", type=Path, action="append", dest="known_exports")
    parser.add_argument("--recorded-charts", type=Path, help="snapshots of the world's top 50 (.csv)")
    parser.add_argument("--kworb-table", choices=get_args(KworbTable))
    parser.add_argument("--deezer-over-quota", action="store_true")
    parser.add_argument("--musicbrainz-hit-rate", type=float)
    parser.add_argument("--musicbrainz-busy", type=float)
    parser.add_argument("--musicbrainz-rate-limit", action="store_true")
    parser.add_argument("--tier", choices=get_args(Tier))
    parser.add_argument("--client-id")
    parser.add_argument("--client-secret")
    parser.add_argument("--redirect-uri", action="append", dest="redirect_uris")
    parser.add_argument("--rotation", choices=get_args(Rotation))
    parser.add_argument("--access-token-seconds", type=int)
    parser.add_argument("--rate-limit", type=int)
    parser.add_argument("--daily-quota", type=int)
    parser.add_argument("--latency-seconds", type=float)
    parser.add_argument("--state", type=Path, help="a file that keeps the tokens")
    chosen = vars(parser.parse_args(arguments))
    for several in chosen.keys() & {"redirect_uris", "known_exports"}:
        chosen[several] = tuple(chosen[several])
    return SimulatorConfig(**chosen)


def main() -> None:
    """Serves until it is told to stop, then exits 0."""
    stop = Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda _number, _frame: stop.set())
    with SimulatorServer(read_arguments()) as server:
        print(server.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
