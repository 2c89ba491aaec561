"""A person at a browser and an app on this machine: logs in to a simulator through the real code flow."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import requests

from spotify_assets.simulator.server import SimulatorServer

REDIRECT_URI = "http://127.0.0.1:8890/callback"
SCOPES = "user-read-recently-played user-read-private user-read-email playlist-read-private"
VERIFIER = "simulated-verifier-that-is-long-enough-0123456789"
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@dataclass
class App:
    """A logged-in app: calls the Web API with the access token that it holds."""

    server: SimulatorServer
    access_token: str
    refresh_token: str

    def get(self, path: str, **query: str | int) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.access_token}"}
        return requests.get(f"{self.server.api_url}{path}", params=query, headers=headers, timeout=30)

    def refresh(self, refresh_token: str | None = None) -> requests.Response:
        """Asks for a new access token and keeps nothing of the answer."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token or self.refresh_token}
        return token(self.server, form)


def consent(server: SimulatorServer, **changes: str) -> requests.Response:
    """The answer of /authorize to a browser; the browser doesn't follow the redirect."""
    query = {
        "client_id": server.world.config.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPES,
        "state": "a state",
    }
    return requests.get(f"{server.url}/authorize", params=query | changes, allow_redirects=False, timeout=10)


def callback(answer: requests.Response) -> dict[str, str]:
    """What the redirect carries."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def token(server: SimulatorServer, form: dict[str, str], *, as_public: bool = False) -> requests.Response:
    """The answer of /api/token, to the app with its secret or to a public client."""
    config = server.world.config
    auth = None if as_public else (config.client_id, config.client_secret)
    form = form | {"client_id": config.client_id} if as_public else form
    return requests.post(f"{server.url}/api/token", data=form, auth=auth, timeout=10)


def log_in(server: SimulatorServer, user: str | None = None, *, scope: str = SCOPES) -> App:
    """Logs a listener in, by default the first one."""
    chosen = {"_sim_user": user} if user else {}
    code = callback(consent(server, scope=scope, **chosen))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    answer = token(server, form).json()
    return App(server, answer["access_token"], answer["refresh_token"])


def admin(server: SimulatorServer, path: str, body: object) -> requests.Response:
    """Posts to one of the simulator's own addresses."""
    answer = requests.post(f"{server.url}/_sim/{path}", json=body, timeout=30)
    assert answer.ok, answer.text
    return answer


def ask(server: SimulatorServer, path: str, **query: str) -> requests.Response:
    """Reads one of the simulator's own addresses."""
    answer = requests.get(f"{server.url}/_sim/{path}", params=query, timeout=120)
    assert answer.ok, answer.text
    return answer
