"""What every Spotify answer of the simulator goes through: faults, latency, the log, and Spotify's error bodies."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spotify_assets.simulator.faults import Fault
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.world import LoggedRequest, World

_SECRET_QUERY = frozenset({"code", "state", "code_challenge", "client_id"})


class SpotifyError(Exception):
    """An error answer of the Web API: `{"error": {"status", "message"[, "reason"]}}`, or plain text."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        reason: str | None = None,
        is_plain_text: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.is_plain_text = is_plain_text
        self.headers = dict(headers or {})

    def response(self) -> Response:
        if self.is_plain_text:
            return Response(self.message, self.status, self.headers, "text/plain; charset=utf-8")
        error: Json = {"status": self.status}
        if self.message is not None:
            error["message"] = self.message
        if self.reason is not None:
            error["reason"] = self.reason
        return json_response({"error": error}, self.status, self.headers)


@dataclass(frozen=True)
class Call:
    """A request, read. `user` is whom its token belongs to, as far as is known before the call is handled."""

    method: str
    path: str
    query: dict[str, str]
    pairs: tuple[tuple[str, str], ...]
    """The query with what it names more than once."""
    form: dict[str, str]
    body: bytes
    headers: Mapping[str, str]
    path_params: Mapping[str, str]
    base_url: str
    user: str | None


Handler = Callable[[World, Call], Response]


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON as Spotify sends it: UTF-8, not escaped."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, "application/json; charset=utf-8")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an Authorization header, or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def endpoint(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wraps a handler with what can go wrong on the way, and writes the log."""

    async def serve(request: Request) -> Response:
        call = await _read(world, request)
        now = world.clock.now()
        fault = world.faults.hit(call.path, call.user, now)
        delay = world.config.latency_seconds + (fault.latency_seconds if fault else 0)
        if delay:
            await asyncio.sleep(delay)
        response = _answer(world, handler, call, fault)
        world.log.requests.append(
            LoggedRequest(
                at=now,
                method=call.method,
                path=call.path,
                query={key: value for key, value in call.query.items() if key not in _SECRET_QUERY},
                user=call.user,
                grant_type=call.form.get("grant_type"),
                status=response.status_code,
            )
        )
        return response

    return serve


def _answer(world: World, handler: Handler, call: Call, fault: Fault | None) -> Response:
    replaces = fault is not None and fault.replaces_answer
    real = Response(b'{"items": [', media_type="application/json")
    if fault is None or not replaces or fault.after_handling:
        try:
            real = handler(world, call)
        except SpotifyError as error:
            real = error.response()
    if fault is None or not replaces:
        return real
    if fault.cut:
        return CutResponse(bytes(real.body))
    body = fault.body if isinstance(fault.body, str) else json.dumps(fault.body) if fault.body is not None else ""
    media_type = "text/plain" if isinstance(fault.body, str) else "application/json"
    return Response(body, fault.status or 200, fault.headers, media_type)


async def _read(world: World, request: Request) -> Call:
    body = await request.body()
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    form = dict(parse_qsl(body.decode(errors="replace"))) if is_form else {}
    access = world.book.access.get(bearer(request.headers) or "")
    refresh = world.book.refresh.get(form.get("refresh_token", ""))
    code = world.book.codes.get(form.get("code", ""))
    known = next((token.user for token in (access, refresh, code) if token is not None), None)
    return Call(
        method=request.method,
        path=request.url.path.rstrip("/"),
        query=dict(request.query_params),
        pairs=tuple(request.query_params.multi_items()),
        form=form,
        body=body,
        headers=request.headers,
        path_params={key: str(value) for key, value in request.path_params.items()},
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        user=known,
    )


class CutResponse(Response):
    """Promises a whole body, sends half of it and lets the connection drop."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body, media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self.body) + 100).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = bytes(self.body[: len(self.body) // 2 + 1])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.02)  # or the first half is still in the buffer when the connection drops
