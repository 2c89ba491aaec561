"""Pure parts of judging refusals: waits, and text that may be shown."""

import pickle
from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from spotify_assets.spotify import outcomes
from spotify_assets.spotify.exchange import Reply
from spotify_assets.spotify.verdicts import quoted, wait_told

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("5", 5),
        ("0", 1),
        ("1.5", 1.5),
        (" 86400 ", 86_400),
        ("Sat, 21 Nov 2026 12:10:00 GMT", 600),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 30),
        ("99999999999999999999", 86_400),
        ("1e999", 86_400),
        ("-5", 30),
        ("nan", 30),
        ("", 30),
        ("a while", 30),
    ],
)
def test_a_wait_is_read_from_seconds_or_a_date_and_never_absurd(told: str, seconds: float) -> None:
    reply = Reply(429, CaseInsensitiveDict({"retry-after": told}), b"")
    assert wait_told(reply, NOW, 30) == seconds


def test_a_missing_wait_is_the_default() -> None:
    assert wait_told(Reply(429, CaseInsensitiveDict(), b""), NOW, 30) == 30


def test_quoted_text_is_one_short_line_without_secrets() -> None:
    shown = quoted("bad\ntoken\x1b[31m canary \u202e" + "xx " * 500, ["canary", ""])
    assert shown.startswith("bad token [31m … xx xx")
    assert len(shown) == 161


def test_quoted_text_holds_no_token_that_nobody_named() -> None:
    assert quoted(f"revoked {'AQ' + 'x-_9' * 24}") == "revoked …"


@pytest.mark.parametrize(
    "error",
    [
        outcomes.ReauthRequired("Refresh token revoked", "anna"),
        outcomes.AccessRefused("GET /me", "anna"),
        outcomes.QuotaExceeded(NOW),
        outcomes.RateLimited(NOW),
        outcomes.NotAllowedInTier("GET /tracks"),
        outcomes.ScopeMissing("GET /me", None),
        outcomes.NotAllowlisted("anna"),
        outcomes.PremiumLapsed(),
        outcomes.NotFound("GET /playlists/x"),
        outcomes.BadRequest("GET /me", 400, "no", "anna"),
        outcomes.Transient("GET /me", "time-out", "anna", 3.0),
        outcomes.InvalidClient(),
    ],
)
def test_every_outcome_is_one_sentence_and_survives_pickling(error: outcomes.SpotifyError) -> None:
    sentence = str(error)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copied) is type(error)
    assert str(copied) == sentence
