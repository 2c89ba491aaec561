"""Who the simulated listeners are to Spotify: ids, names, countries and time zones."""

from dataclasses import dataclass
from random import Random

from spotify_assets.simulator.config import Tier
from spotify_assets.simulator.ids import base62
from spotify_assets.simulator.shapes import PROFILE_ABSENT_IN_NEW_DEV, Json

_HOMES = (
    ("Europe/Berlin", "DE"),
    ("America/New_York", "US"),
    ("Asia/Tokyo", "JP"),
    ("America/Sao_Paulo", "BR"),
    ("Europe/London", "GB"),
    ("Asia/Kolkata", "IN"),
    ("Australia/Sydney", "AU"),
)


@dataclass(frozen=True)
class Account:
    """A Spotify account. `user` is the simulator's own short name for it."""

    user: str
    spotify_id: str
    account_id: str
    display_name: str
    email: str
    country: str
    time_zone: str
    followers: int

    def profile(self, tier: Tier, scopes: frozenset[str]) -> Json:
        """The answer of `GET /me`: fewer fields in new Development Mode, and without the scopes that unlock them."""
        profile: Json = {
            "account_id": self.account_id,
            "display_name": self.display_name,
            "external_urls": {"spotify": f"https://open.spotify.com/user/{self.spotify_id}"},
            "followers": {"href": None, "total": self.followers},
            "href": f"https://api.spotify.com/v1/users/{self.spotify_id}",
            "id": self.spotify_id,
            "images": [],
            "type": "user",
            "uri": f"spotify:user:{self.spotify_id}",
        }
        if "user-read-private" in scopes:
            profile["country"] = self.country
            profile["explicit_content"] = {"filter_enabled": False, "filter_locked": False}
            profile["product"] = "premium"
        if "user-read-email" in scopes:
            profile["email"] = self.email
        if tier == "new_dev":
            return {key: value for key, value in profile.items() if key not in PROFILE_ABSENT_IN_NEW_DEV}
        return profile


def make_accounts(seed: int, users: tuple[str, ...], time_zone: str | None) -> dict[str, Account]:
    """The accounts by short name, in the given order. The first lives in Berlin unless `time_zone` says otherwise."""
    accounts: dict[str, Account] = {}
    for number, user in enumerate(users):
        rng = Random(f"{seed}|account|{user}")  # noqa: S311 - made-up people
        home_zone, country = _HOMES[0] if number == 0 else rng.choice(_HOMES)
        accounts[user] = Account(
            user=user,
            spotify_id=f"31{rng.getrandbits(90):020x}"[:25],
            account_id=base62(rng.getrandbits(59), 10),
            display_name=user.capitalize(),
            email=f"{user}@listener.example",
            country=country,
            time_zone=time_zone or home_zone,
            followers=rng.randrange(80),
        )
    return accounts
