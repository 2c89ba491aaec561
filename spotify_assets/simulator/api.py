"""`api.spotify.com/v1`: who may call what in which tier, and the answers."""

from collections.abc import Callable

from starlette.responses import Response

from spotify_assets.simulator.http import Call, Handler, SpotifyError, bearer, json_response
from spotify_assets.simulator.ids import ALPHABET
from spotify_assets.simulator.timekeeping import to_ms
from spotify_assets.simulator.tokens import AccessToken
from spotify_assets.simulator.world import World

NO_PREMIUM = (
    "Active premium subscription required for the owner of the app. When the subscription status changes, "
    "it can take a few hours before requests are allowed again."
)
NOT_REGISTERED = (
    "The user is not registered for this application. "
    "Please check your settings on https://developer.spotify.com/dashboard."
)
FORBIDDEN = "Forbidden"
NOT_FOUND = "Resource not found"


def guarded(handler: Callable[[World, Call, AccessToken], Response]) -> Handler:
    """A handler behind everything that Spotify looks at first: token, Premium, allow-list, rate limit, quota."""

    def guard(world: World, call: Call) -> Response:
        token = _token(world, call)
        config = world.config
        if config.tier != "extended":
            if not config.premium:
                raise SpotifyError(403, NO_PREMIUM, is_plain_text=True)
            if config.allowlist is not None and token.user is not None and token.user not in config.allowlist:
                raise SpotifyError(403, NOT_REGISTERED)
        refused = world.limits.count(config, world.clock.now())
        if refused is not None and refused.is_quota:
            after = {"retry-after": str(refused.retry_after)}
            raise SpotifyError(429, "Too many requests", reason="QUOTA_EXCEEDED", headers=after)
        if refused is not None:
            after = {"retry-after": str(refused.retry_after)} if config.retry_after else {}
            raise SpotifyError(429, "API rate limit exceeded", headers=after)
        return handler(world, call, token)

    return guard


def me(world: World, _call: Call, token: AccessToken) -> Response:
    account = world.accounts[_user(token)]
    return json_response(account.profile(world.config.tier, frozenset(token.scope.split())))


def recently_played(world: World, call: Call, token: AccessToken) -> Response:
    user = _user(token)
    if "user-read-recently-played" not in token.scope.split():
        raise SpotifyError(403, "Insufficient client scope")
    query = {name: number(call, name) for name in ("before", "after", "limit") if name in call.query}
    if "before" in query and "after" in query:
        raise SpotifyError(400, "Only one of before and after can be specified")
    if not 1 <= query.get("limit", 20) <= 50:
        raise SpotifyError(400, "Invalid limit")
    base_url = f"{call.base_url}/v1"
    if world.replay is not None:
        body = world.replay.body_at(world.clock.now())
        if body is not None:
            return Response(body, media_type="application/json; charset=utf-8")
        query |= {"before": 0}
    player = world.players[user]
    return json_response(player.page(query, to_ms(world.clock.now()), world.shapes, world.config.tier, base_url))


def track(world: World, call: Call, _token: AccessToken) -> Response:
    found = world.catalogue.find_track(spotify_id(call.path_params["id"]))
    if found is None:
        raise SpotifyError(404, NOT_FOUND)
    market, twin = call.query.get("market"), world.catalogue.other_version(found)
    if market is not None and found.version == 0 and twin is not None:
        return json_response(world.shapes.linked_track(found, twin, market))
    return json_response(world.shapes.track(found))


def artist(world: World, call: Call, _token: AccessToken) -> Response:
    found = world.catalogue.find_artist(spotify_id(call.path_params["id"]))
    if found is None:
        raise SpotifyError(404, NOT_FOUND)
    return json_response(world.shapes.artist(found))


def album(world: World, call: Call, _token: AccessToken) -> Response:
    found = world.catalogue.find_album(spotify_id(call.path_params["id"]))
    if found is None:
        raise SpotifyError(404, NOT_FOUND)
    return json_response(world.shapes.album(found))


def tracks(world: World, call: Call, _token: AccessToken) -> Response:
    found = [world.catalogue.find_track(each) for each in _ids(world, call, 50)]
    return json_response({"tracks": [each and world.shapes.track(each) for each in found]})


def artists(world: World, call: Call, _token: AccessToken) -> Response:
    found = [world.catalogue.find_artist(each) for each in _ids(world, call, 50)]
    return json_response({"artists": [each and world.shapes.artist(each) for each in found]})


def albums(world: World, call: Call, _token: AccessToken) -> Response:
    found = [world.catalogue.find_album(each) for each in _ids(world, call, 20)]
    return json_response({"albums": [each and world.shapes.album(each) for each in found]})


def audio_features(world: World, _call: Call, _token: AccessToken) -> Response:
    raise SpotifyError(403 if world.config.tier != "extended" else 404)


def recommendations(_world: World, _call: Call, _token: AccessToken) -> Response:
    raise SpotifyError(404, NOT_FOUND)


def unknown(_world: World, _call: Call) -> Response:
    raise SpotifyError(404, "Service not found")


def number(call: Call, name: str) -> int:
    """A whole number from the query. Raises a 400 for anything else."""
    try:
        return int(call.query[name])
    except ValueError:
        raise SpotifyError(400, f"Invalid {name}") from None


def spotify_id(text: str) -> str:
    """An id that could be one. Raises a 400 for a text that no id looks like."""
    if len(text) != 22 or any(letter not in ALPHABET for letter in text):
        raise SpotifyError(400, "Invalid base62 id")
    return text


def _ids(world: World, call: Call, most: int) -> list[str]:
    if world.config.tier == "new_dev":
        raise SpotifyError(403, FORBIDDEN)
    ids = [each for each in call.query.get("ids", "").split(",") if each]
    if not ids:
        raise SpotifyError(400, "Missing required parameter: ids")
    if len(ids) > most:
        raise SpotifyError(400, "Too many ids requested")
    return [spotify_id(each) for each in ids]


def _token(world: World, call: Call) -> AccessToken:
    given = bearer(call.headers)
    token = world.book.access.get(given) if given else None
    if token is None or world.clock.now() >= token.expires_at:
        error = "invalid_token" if given else "missing_token"
        challenge = {"www-authenticate": f'Bearer realm="spotify", error="{error}"'}
        raise SpotifyError(401, "Missing/invalid/expired access token", headers=challenge)
    return token


def _user(token: AccessToken) -> str:
    if token.user is None:
        raise SpotifyError(403, FORBIDDEN)
    return token.user
