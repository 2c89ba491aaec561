"""How much a test does: small numbers in `make test`, large ones in `make soak`; the code is the same."""

import os


def size(test: int, soak: int) -> int:
    return soak if os.environ.get("SOAK") else test
