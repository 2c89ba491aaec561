"""The simulator's own addresses under `/_sim/`: clock, faults, log, plays, truth. They never take or return a token."""

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from spotify_assets.simulator.catalogue import Track
from spotify_assets.simulator.config import KworbTable, Rotation, Tier
from spotify_assets.simulator.export import export_zip
from spotify_assets.simulator.faults import Fault
from spotify_assets.simulator.playlists import playlists_of
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.timekeeping import iso_ms, to_ms
from spotify_assets.simulator.world import World


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ClockChange(_Body):
    """`{"now": iso}` stops the clock there (with `running` it goes on), `{"now": null}` is the real time."""

    now: AwareDatetime | None = None
    running: bool = False
    advance_seconds: float | None = None


class GivenPlay(_Body):
    """A play: `track_id` of the catalogue, or a whole `track` or play-history `item` in any shape."""

    played_at: AwareDatetime
    visible_at: AwareDatetime | None = None
    track_id: str | None = None
    track: dict[str, object] | None = None
    item: dict[str, object] | None = None


class GivenPlays(_Body):
    user: str
    plays: list[GivenPlay]


class Revocation(_Body):
    user: str
    access_only: bool = False


class AppChange(_Body):
    """What can change while the simulator runs; what isn't sent stays."""

    tier: Tier = "new_dev"
    premium: bool = True
    allowlist: tuple[str, ...] | None = None
    rotation: Rotation = "none"
    access_token_seconds: int = 3600
    rate_limit: int | None = None
    retry_after: bool = True
    daily_quota: int | None = None
    latency_seconds: float = 0
    kworb_table: KworbTable = "usual"
    deezer_over_quota: bool = False
    musicbrainz_hit_rate: float = 0.8
    musicbrainz_busy: float = 0
    musicbrainz_rate_limit: bool = False
    slack_messages_a_minute: int | None = None


class Admin:
    """The handlers, bound to one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            Route("/_sim/clock", self.clock, methods=["GET", "POST"]),
            Route("/_sim/faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sim/requests", self.requests, methods=["GET", "DELETE"]),
            Route("/_sim/plays", self.plays, methods=["POST"]),
            Route("/_sim/truth", self.truth),
            Route("/_sim/export", self.export),
            Route("/_sim/listeners", self.listeners),
            Route("/_sim/playlists", self.playlists),
            Route("/_sim/app", self.app, methods=["POST"]),
            Route("/_sim/revoke", self.revoke, methods=["POST"]),
            Route("/_sim/slack", self.slack, methods=["GET", "DELETE"]),
        ]

    async def clock(self, request: Request) -> Response:
        clock = self._world.clock
        if request.method == "POST":
            change = ClockChange.model_validate_json(await request.body())
            if "now" in change.model_fields_set:
                clock.set(change.now, running=change.running)
            if change.advance_seconds is not None:
                clock.advance(timedelta(seconds=change.advance_seconds))
        return JSONResponse({"now": clock.now().isoformat()})

    async def faults(self, request: Request) -> Response:
        faults = self._world.faults
        if request.method == "POST":
            return JSONResponse({"id": faults.add(Fault.model_validate_json(await request.body()))}, 201)
        if request.method == "DELETE":
            faults.clear()
        return JSONResponse({"faults": faults.listing()})

    async def requests(self, request: Request) -> Response:
        log = self._world.log
        if request.method == "DELETE":
            log.requests.clear()
        since = request.query_params.get("since", "0")
        if not since.isdigit():
            raise BadCall("since is a number of requests")
        logged = [asdict(call) | {"at": call.at.isoformat()} for call in log.requests[int(since) :]]
        return JSONResponse({"total": len(log.requests), "counts": log.counts(), "requests": logged})

    async def plays(self, request: Request) -> Response:
        given = GivenPlays.model_validate_json(await request.body())
        if given.user not in self._world.players:
            raise BadCall(f"no listener {given.user}")
        items = [(self._item(play), play) for play in given.plays]
        for item, play in items:
            visible_at = play.visible_at or play.played_at
            self._world.players[given.user].give(item, to_ms(play.played_at), to_ms(visible_at))
        return JSONResponse({"items": [item for item, _ in items]}, 201)

    async def truth(self, request: Request) -> Response:
        """The true plays of a listener that ended in [from, to], by default the last seven days."""
        user, streams = await self._streams(request, default=timedelta(days=7))
        return JSONResponse({"user": user, "plays": [stream.truth() for stream in streams]})

    async def export(self, request: Request) -> Response:
        """The extended streaming history of a listener as a zip, by default all of it up to now."""
        _, streams = await self._streams(request, default=None)
        packed = await run_in_threadpool(export_zip, self._world.catalogue, streams)
        return Response(packed, media_type="application/zip")

    async def listeners(self, _request: Request) -> Response:
        accounts = self._world.accounts.values()
        return JSONResponse({"listeners": [asdict(account) for account in accounts]})

    async def playlists(self, _request: Request) -> Response:
        listing = [
            {"id": each.id, "name": each.name, "owner": each.owner and each.owner.user, "public": each.is_public}
            for each in playlists_of(self._world)
        ]
        return JSONResponse({"playlists": listing})

    async def app(self, request: Request) -> Response:
        change = AppChange.model_validate_json(await request.body())
        changes = {name: getattr(change, name) for name in change.model_fields_set}
        self._world.change_app(**changes)
        return JSONResponse({"changed": sorted(changes)})

    async def revoke(self, request: Request) -> Response:
        revocation = Revocation.model_validate_json(await request.body())
        if revocation.user not in self._world.accounts:
            raise BadCall(f"no listener {revocation.user}")
        self._world.book.revoke(revocation.user, access_only=revocation.access_only)
        return JSONResponse({"revoked": revocation.user})

    async def slack(self, request: Request) -> Response:
        """The messages that Slack took, oldest first."""
        messages = self._world.slack.messages
        if request.method == "DELETE":
            messages.clear()
        listing = [asdict(each) | {"at": each.at.isoformat(), "shown": each.shown} for each in messages]
        return JSONResponse({"messages": listing})

    async def _streams(self, request: Request, default: timedelta | None) -> tuple[str, list[Stream]]:
        """The listener and the streams that a query asks for; never any that haven't ended."""
        query, now = request.query_params, self._world.clock.now()
        user = query.get("user", next(iter(self._world.listeners)))
        if user not in self._world.listeners:
            raise BadCall(f"no listener {user}")
        history = datetime.combine(self._world.config.history_start, time(), UTC)
        begin = _moment(query.get("from")) or (now - default if default else history)
        end = min(_moment(query.get("to")) or now, now)
        listener = self._world.listeners[user]
        return user, await run_in_threadpool(listener.streams, to_ms(begin), to_ms(end) + 1)

    def _item(self, play: GivenPlay) -> Json:
        if play.item is not None:
            return play.item
        track = play.track
        if track is None:
            found = self._world.catalogue.find_track(play.track_id) if play.track_id else self._a_track(play)
            if found is None:
                raise BadCall(f"no track {play.track_id}")
            track = self._world.shapes.track(found)
        return {"track": track, "played_at": iso_ms(to_ms(play.played_at)), "context": None}

    def _a_track(self, play: GivenPlay) -> Track:
        """Some track for a play that names none: another one for each second."""
        artist = self._world.catalogue.artist(to_ms(play.played_at) // 1000 % 5000)
        return artist.albums[0].tracks[0]


class BadCall(Exception):
    """An admin address was called with something that can't be used."""


async def explain(_request: Request, error: Exception) -> Response:
    """Tells the caller of an admin address what was wrong with the call."""
    reason = error.errors(include_url=False) if isinstance(error, ValidationError) else str(error)
    return JSONResponse({"error": reason}, 400)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadCall(f"{text} is no ISO time") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
