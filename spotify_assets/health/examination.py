"""Everything that an installation is connected to, looked at in the order in which one thing needs another.

Without Postgres, or the key of the stored logins, nothing can be said of the listeners: one cause, one red line.
"""

from dataclasses import dataclass
from functools import partial

from spotify_assets.health.findings import SECONDS, Finding, Probe, look_at_all
from spotify_assets.health.orchestration import DAGSTER, OpenInstance, look_at_dagster
from spotify_assets.health.outside import (
    DEEZER,
    HEARTBEAT,
    KWORB,
    SLACK,
    look_at_heartbeat,
    look_at_host,
    look_at_slack,
)
from spotify_assets.health.spotify import (
    APP,
    BUDGET,
    LISTENERS,
    Spotify,
    look_at_app,
    look_at_budget,
    look_at_listener,
    name_of,
)
from spotify_assets.health.storage import LAKE, POSTGRES, look_at_lake, look_at_postgres
from spotify_assets.settings import Settings

# Making an embedded server takes a while, once.
FIRST_START_SECONDS = 60.0
LOGINS = "stored logins"


def examine(settings: Settings, open_instance: OpenInstance) -> list[Finding]:
    """Looks at everything and never raises. Each look ends within 10 s, but for the first start of an own Postgres."""
    patience = FIRST_START_SECONDS if settings.database_url is None else SECONDS
    [postgres] = look_at_all([Probe(POSTGRES, partial(look_at_postgres, settings))], patience)
    opening = _Opening(settings)
    keys = look_at_all([Probe(LOGINS, opening.look)]) if postgres.status == "green" else [_not_looked(LOGINS, POSTGRES)]
    missing = POSTGRES if postgres.status != "green" else LOGINS
    found = look_at_all(
        [
            Probe(LAKE, partial(look_at_lake, settings)),
            *_spotify_probes(settings, opening.spotify, missing),
            Probe(KWORB, partial(look_at_host, KWORB, "KWORB_URL", settings.kworb_url)),
            Probe(DEEZER, partial(look_at_host, DEEZER, "DEEZER_URL", settings.deezer_url)),
            Probe(SLACK, partial(look_at_slack, settings)),
            Probe(HEARTBEAT, partial(look_at_heartbeat, settings)),
            Probe(DAGSTER, partial(look_at_dagster, open_instance)),
        ]
    )
    return [postgres, *keys, *found]


@dataclass
class _Opening:
    """A look at the stored logins that keeps what it opened for the other looks at Spotify."""

    settings: Settings
    spotify: Spotify | None = None

    def look(self) -> Finding:
        self.spotify = Spotify.open(self.settings)
        old = self.spotify.access.tokens.under_old_key(self.settings.spotify_api_url)
        if old:
            says = f"still under an older key: {', '.join(old)}"
            remedy = "keep the older keys until each has been refreshed, or has logged in again"
            return Finding(LOGINS, "yellow", says, remedy)
        return Finding(LOGINS, "green", "all are under the first key")


def _spotify_probes(settings: Settings, spotify: Spotify | None, missing: str) -> list[Probe]:
    """`missing` is what keeps the listeners from being looked at where `spotify` is None."""
    if spotify is None:
        return [
            Probe(APP, partial(look_at_app, settings, has_listeners=False)),
            *(Probe(name, partial(_not_looked, name, missing)) for name in (LISTENERS, BUDGET)),
        ]
    return [
        Probe(APP, partial(look_at_app, settings, has_listeners=bool(spotify.listeners))),
        *(Probe(name_of(listener), partial(look_at_listener, spotify, listener)) for listener in spotify.listeners),
        *([] if spotify.listeners else [Probe(LISTENERS, partial(_nobody, spotify))]),
        Probe(BUDGET, partial(look_at_budget, spotify.standing)),
    ]


def _not_looked(name: str, missing: str) -> Finding:
    return Finding(name, "yellow", f"not looked at, since {missing} can't be used", f"see {missing}")


def _nobody(spotify: Spotify) -> Finding:
    imported = spotify.without_login()
    if imported:
        return Finding(
            LISTENERS, "green", f"nobody is connected; imported histories need no login: {', '.join(imported)}"
        )
    return Finding(LISTENERS, "yellow", "nobody is connected", "run `spotify-assets login`")
