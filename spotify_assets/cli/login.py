"""`spotify-assets login`: a person connects their Spotify, in the browser or by pasting an address."""

import os
import sys
import webbrowser
from datetime import datetime
from threading import Thread
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from spotify_assets.cli.zones import zone_for
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.callback import Callback
from spotify_assets.spotify.consent import REDIRECT_URI, Consent, checked_redirect_uri, pasted_code
from spotify_assets.spotify.logins import checked_user_id
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.spotify.stored import login_ends
from spotify_assets.spotify.tokens import Listener
from spotify_assets.storage.warehouse import open_warehouse

WAIT_SECONDS = 300.0


def login(
    user: Annotated[
        str | None, typer.Argument(help="The listener's name here; by default the only one there is.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="A new listener's, such as Europe/Berlin; else you are asked.")
    ] = None,
    redirect_uri: Annotated[
        str, typer.Option("--redirect-uri", help="The one in the app's settings, if it is another.")
    ] = REDIRECT_URI,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and take the one that comes back by paste.")
    ] = False,
) -> None:
    """Connect a Spotify account, or connect it again: a login lasts six months.

    Example: spotify-assets login alex
    """
    chosen = settings()
    app = SpotifyApp.from_settings(chosen)
    uri = checked_redirect_uri(redirect_uri)
    spotify = SpotifyAccess.open(chosen, open_warehouse(chosen), clock_from(chosen))
    known = [listener.user_id for listener in spotify.tokens.listeners(app.api_url)]
    user_id = checked_user_id(user or _only_or_asked(known))
    zone = zone_for(spotify.tokens.warehouse, user_id, time_zone)
    # Nothing but plain http can be listened to here.
    browser = None if no_browser or not uri.startswith("http:") else _browser()
    if browser:
        consented_at = _in_browser(browser, app, spotify, user_id, zone, uri)
    else:
        consented_at = _by_paste(app, spotify, user_id, zone, uri)
    listener = next(each for each in spotify.tokens.listeners(app.api_url) if each.user_id == user_id)
    _tell(listener, consented_at, time_zone)


def _in_browser(
    browser: webbrowser.BaseBrowser, app: SpotifyApp, spotify: SpotifyAccess, user_id: str, zone: str, uri: str
) -> datetime:
    with Callback(app, user_id, uri) as callback:
        consent = callback.consent
        consent.check_for_blocks(spotify.governor)
        consent.check_with_spotify()
        typer.echo(f"Spotify opens in the browser, to connect {user_id}. If it doesn't, open this address:")
        typer.echo(f"  {consent.address}")
        # Some browsers return only when they are closed.
        Thread(target=browser.open, args=(consent.address,), daemon=True).start()
        arrival = callback.wait(WAIT_SECONDS)
        try:
            consented_at = consent.log_in(consent.code_in(arrival.query), spotify, zone)
        except UserError as refused:
            arrival.answer(400, "Not connected", str(refused))
            raise
        except BaseException:
            arrival.answer(500, "Not connected", "Something unexpected happened; the terminal shows what.")
            raise
        arrival.answer(200, "Connected", f"{user_id} is connected. You can close this page.")
    return consented_at


def _by_paste(app: SpotifyApp, spotify: SpotifyAccess, user_id: str, zone: str, uri: str) -> datetime:
    consent = Consent.to_ask(app, user_id, uri)
    consent.check_for_blocks(spotify.governor)
    consent.check_with_spotify()
    typer.echo(f"Open this address in any browser, on any machine, to connect {user_id}:")
    typer.echo(f"  {consent.address}")
    typer.echo(f"When you have agreed, the browser goes to an address that begins with {uri}?")
    typer.echo("It may show an error there; that is fine. Copy the whole address and paste it here:")
    return consent.log_in(pasted_code(consent, typer.echo, sys.stdin.readline), spotify, zone)


def _browser() -> webbrowser.BaseBrowser | None:
    """The person's browser; None on a machine without one, or without a screen."""
    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if sys.platform.startswith("linux") and not has_screen:
        # A text browser in this terminal would get in the way.
        return None
    try:
        return webbrowser.get()
    except webbrowser.Error:
        return None


def _only_or_asked(known: list[str]) -> str:
    if len(known) == 1:
        return known[0]
    if not sys.stdin.isatty():
        names = f"one of {', '.join(known)}, or a new one" if known else "a new one, such as your first name"
        raise LoginRefused(f"Who is to be logged in? Give a name: {names}, as in `spotify-assets login NAME`.")
    if known:
        typer.echo(f"Connected so far: {', '.join(known)}.")
    return str(typer.prompt("A name for the listener (lower-case letters, digits, - and _)", value_proc=_typed_name))


def _typed_name(text: str) -> str:
    try:
        return checked_user_id(text.strip())
    except LoginRefused as refused:
        raise typer.BadParameter(str(refused)) from None


def _tell(listener: Listener, consented_at: datetime, asked_zone: str | None) -> None:
    user_id = listener.user_id
    ends = login_ends(consented_at).astimezone(ZoneInfo(listener.time_zone))
    typer.echo(f"Connected: {listener.display_name or listener.account_id}, here named {user_id}.")
    typer.echo(f"Time zone: {listener.time_zone}.")
    if asked_zone not in (None, listener.time_zone):
        change = f"spotify-assets listeners set {user_id} --time-zone {asked_zone}"
        typer.echo(f"  {user_id} was known with that one and keeps it; to change it: {change}")
    typer.echo(
        f"The login lasts until {ends.day} {ends:%B %Y}: six months, whatever you do; then run this command again."
    )
    typer.echo("Next: spotify-assets poll")
