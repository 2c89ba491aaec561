"""How much a test does: small numbers in `make test`, large ones in `make soak`; the code is the same."""

import os
from typing import TypeVar

T = TypeVar("T")


def size(test: T, soak: T) -> T:
    return soak if os.environ.get("SOAK") else test
