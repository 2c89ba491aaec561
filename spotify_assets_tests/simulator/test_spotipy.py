"""The simulator, seen by a client that is not ours: spotipy logs in by the code flow and reads what it offers.

Only addresses are changed in it. What spotipy can't do here it could not do at Spotify.
"""

from urllib.parse import urlsplit

import pytest
import requests
from spotipy import MemoryCacheHandler, Spotify, SpotifyException, SpotifyOAuth, SpotifyOauthError, SpotifyPKCE

from spotify_assets.simulator.config import Tier
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import REDIRECT_URI, admin, ask
from spotify_assets_tests.simulator.conftest import Start

SCOPES = "user-read-recently-played playlist-read-private"
TIERS: tuple[Tier, ...] = ("new_dev", "legacy_dev", "extended")


def pointed_at(server: SimulatorServer, app: SpotifyOAuth | SpotifyPKCE) -> None:
    app.OAUTH_AUTHORIZE_URL = f"{server.accounts_url}/authorize"
    app.OAUTH_TOKEN_URL = f"{server.accounts_url}/api/token"


def confidential(server: SimulatorServer, secret: str | None = None) -> SpotifyOAuth:
    config = server.world.config
    app = SpotifyOAuth(
        config.client_id,
        secret or config.client_secret,
        REDIRECT_URI,
        state="a state",
        scope=SCOPES,
        open_browser=False,
        cache_handler=MemoryCacheHandler(),
    )
    pointed_at(server, app)
    return app


def public(server: SimulatorServer) -> SpotifyPKCE:
    cache = MemoryCacheHandler()
    app = SpotifyPKCE(
        server.world.config.client_id, REDIRECT_URI, scope=SCOPES, open_browser=False, cache_handler=cache
    )
    pointed_at(server, app)
    return app


def code_for(app: SpotifyOAuth | SpotifyPKCE, **query: str) -> str:
    """What the browser brings back."""
    answer = requests.get(app.get_authorize_url(), params=query, allow_redirects=False, timeout=10)
    assert answer.headers["location"].startswith(REDIRECT_URI)
    _, code = SpotifyOAuth.parse_auth_response_url(answer.headers["location"])
    return str(code)


def logged_in(server: SimulatorServer, app: SpotifyOAuth | SpotifyPKCE) -> Spotify:
    if isinstance(app, SpotifyOAuth):
        app.get_access_token(code_for(app), as_dict=False, check_cache=False)
    else:
        app.get_access_token(code_for(app), check_cache=False)
    client = Spotify(auth_manager=app, retries=0, status_retries=0)
    client.prefix = f"{server.api_url}/"
    return client


@pytest.mark.parametrize("tier", TIERS)
def test_spotipy_logs_in_and_reads_plays_a_track_an_artist_and_a_playlist(start: Start, tier: Tier) -> None:
    server = start(tier=tier)
    spotify = logged_in(server, confidential(server))

    me = spotify.current_user()
    assert me["display_name"] == "Alex"

    page = spotify.current_user_recently_played(limit=50)
    ends = [item["played_at"] for item in page["items"]]
    assert len(ends) > 40
    assert ends == sorted(ends, reverse=True)
    true = {play["played_at"] for play in ask(server, "truth").json()["plays"]}
    assert set(ends) <= true
    newer = spotify.current_user_recently_played(limit=50, after=page["cursors"]["before"])
    assert newer["items"][-1]["played_at"] > ends[-1]

    track = page["items"][0]["track"]
    assert spotify.track(track["uri"]) == track
    artist = track["artists"][0]
    assert spotify.artist(artist["id"])["name"] == artist["name"]

    own = [each for each in ask(server, "playlists").json()["playlists"] if each["owner"] == "alex"]
    assert len(own) == 2
    for listed in own:
        assert spotify.playlist(listed["id"])["name"] == listed["name"]
        first = spotify.playlist_items(listed["id"], limit=10)
        rows, whole = first["items"], first
        while whole["next"]:
            whole = spotify.next(whole)
            rows = rows + whole["items"]
        assert len(rows) == first["total"] > 10
        assert all((row.get("item") or row["track"])["type"] == "track" for row in rows)


def test_spotipy_refreshes_by_itself_with_and_without_a_secret(start: Start) -> None:
    server = start(rotation="single_use")
    for app in (confidential(server), public(server)):
        spotify = logged_in(server, app)
        before = app.cache_handler.get_cached_token()
        # spotipy goes by the real time, so its copy is made to look old.
        app.cache_handler.save_token_to_cache({**before, "expires_at": 0})
        assert spotify.current_user()["display_name"] == "Alex"
        after = app.cache_handler.get_cached_token()
        assert after["access_token"] != before["access_token"]
        assert after["refresh_token"] != before["refresh_token"]


def test_spotipy_understands_the_simulators_refusals(start: Start) -> None:
    server = start(allowlist=())
    with pytest.raises(SpotifyOauthError) as denied:
        code_for(confidential(server), _sim_consent="denied")
    assert denied.value.error == "access_denied"

    app = confidential(server, "wrong")
    with pytest.raises(SpotifyOauthError) as unknown:
        app.get_access_token(code_for(app), as_dict=False, check_cache=False)
    assert (unknown.value.error, unknown.value.error_description) == ("invalid_client", "Invalid client secret")

    app = confidential(server)
    spotify = logged_in(server, app)
    with pytest.raises(SpotifyException) as not_listed:
        spotify.current_user()
    assert (not_listed.value.http_status, "not registered" in not_listed.value.msg) == (403, True)

    admin(server, "app", {"allowlist": ["alex"]})
    with pytest.raises(SpotifyException) as no_such:
        spotify.track("0" * 22)
    assert no_such.value.http_status == 404

    admin(server, "revoke", {"user": "alex"})
    with pytest.raises(SpotifyException) as refused:
        spotify.current_user()
    assert refused.value.http_status == 401
    with pytest.raises(SpotifyOauthError) as dead:
        app.refresh_access_token(app.cache_handler.get_cached_token()["refresh_token"])
    assert dead.value.error == "invalid_grant"


def test_spotipy_is_sent_to_the_simulator_only(start: Start) -> None:
    server = start()
    spotify = logged_in(server, confidential(server))
    hosts = {urlsplit(spotify.prefix).netloc, urlsplit(spotify.auth_manager.OAUTH_TOKEN_URL).netloc}
    assert hosts == {urlsplit(server.url).netloc}
