"""In which texts a person is named."""

import pytest

from spotify_assets.listeners.history import Person

PERSON = Person("ada_l", "AcCoUnT9", "Zoë [b]")


@pytest.mark.parametrize(
    "text",
    [
        "ada_l: Spotify no longer accepts",
        "login of listener ada_l (revoked)",
        "Run `spotify-assets login ada_l`.",
        '{"ada_l": {"calls": 1}}',
        "recently_played/user=ada_l/date=2026-01-01/",
        "| ada\\_l | 3 |",
        '"md": "| ada\\\\_l | 3 |"',
        "| recently\\_played/user=ada\\_l/date=… |",
        "/some/home/inbox/ada_l/file.json",
        "partition ada_l-0123456789ab was added",
        "account AcCoUnT9.",
        "shown as Zoë [b]!",
        '"Zo\\u00eb [b]"',
        "Zoë \\[b\\]",
    ],
)
def test_a_person_is_recognized(text: str) -> None:
    assert PERSON.is_named_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "/home/ada_l/.venv/bin/python",
        "ada_l@machine",
        "ada_l-2 and xada_l and ada_lovelace",
        "user=ada_l2/",
        "ada_l.example",
        "ada_l-0123456789abc",
        "AcCoUnT90",
        "Zoë",
        "",
    ],
)
def test_somebody_or_something_else_is_not(text: str) -> None:
    assert not PERSON.is_named_in(text)
