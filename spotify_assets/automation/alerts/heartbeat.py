"""The heartbeat: who watches from outside is told that a tick went well, and notices when nothing is told any more."""

from pydantic import SecretStr

from spotify_assets.spotify.exchange import Limits, NoAnswer, NoAuth, exchange, new_session

_LIMITS = Limits(connect=3, read=5, exchange=8, call=8)


def ping(url: SecretStr) -> str | None:
    """Calls the address; why that failed, in a sentence, or None. The address is a secret and in no sentence."""
    with new_session() as session:
        try:
            reply = exchange(session, "GET", url.get_secret_value(), auth=NoAuth(), limits=_LIMITS)
        except NoAnswer as no_answer:
            problem = str(no_answer)
        else:
            problem = "" if 200 <= reply.status < 300 else f"HTTP {reply.status}"
    if not problem:
        return None
    return f"HEARTBEAT_URL could not be pinged ({problem}): who watches from outside may take this for silence."
