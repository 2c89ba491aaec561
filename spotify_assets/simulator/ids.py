"""Spotify ids of made-up things: 22 base62 digits of 128 bits that look random and can be read back.

A catalogue without an end can't be kept in a table, so an id carries its number: kind and number, enciphered with
the seed. An id that was never given out deciphers to nonsense, which is how "unknown id" is told.
"""

from hashlib import blake2b

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = {digit: value for value, digit in enumerate(ALPHABET)}
_HALF = (1 << 64) - 1
_ROUNDS = 4


def base62(value: int, length: int = 22) -> str:
    """`value` as `length` base62 digits."""
    digits = []
    for _ in range(length):
        value, rest = divmod(value, 62)
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


class IdCipher:
    """Turns (kind, number) into an id and back. `kind` is below 256, `number` below 2**56."""

    def __init__(self, seed: int) -> None:
        self._key = str(seed).encode()

    def encode(self, kind: int, number: int) -> str:
        left, right = (kind << 56) | number, 0
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._round(turn, right)
        return base62((left << 64) | right)

    def decode(self, text: str) -> tuple[int, int] | None:
        """(kind, number), or None where the text is no id that `encode` gave out."""
        if len(text) != 22 or any(digit not in _DIGITS for digit in text):
            return None
        value = 0
        for digit in text:
            value = value * 62 + _DIGITS[digit]
        if value >> 128:
            return None
        left, right = value >> 64, value & _HALF
        for turn in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(turn, left), left
        return (left >> 56, left & ((1 << 56) - 1)) if right == 0 else None

    def _round(self, turn: int, half: int) -> int:
        digest = blake2b(half.to_bytes(8, "big"), digest_size=8, key=self._key, salt=bytes([turn])).digest()
        return int.from_bytes(digest, "big")
