"""Invented names and words for the catalogue, drawn from a `Random`. Some hold what breaks careless code: accents,
other scripts, quotes, separators and signs that sort oddly."""

from random import Random


def _listed(words: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(words.split(separator))


_ADJECTIVES = _listed(
    "Velvet Hollow Paper Silver Crooked Distant Amber Quiet Electric Northern Broken Golden Midnight Salted Lunar "
    "Copper Restless Faded Glass Wild Tender Second Secret Slow Static Borrowed Open Plastic Violet Winter"
)
_NOUNS = _listed(
    "Harbour Lantern Fox Orchard Signal Meadow Engine Parade Mirror Anchor Comet Garden Tiger River Ghost Station "
    "Echo Ember Pilot Kite Satellite Canyon Whale Theatre Postcard Cathedral Window Shore Thunder Ribbon Avenue "
    "Island"
)
_FIRST = _listed(
    "Mara Ilse Jonas Théo Aiko Noor Luca Söfi Renée Dmitri Anaïs Kwame Björg Inés Mateo Zofia Ravi Linnéa Oskar "
    "Yara Tomás Freya Amadou Nuri Cleo Hugo Vera Otto Selin Imani"
)
_LAST = _listed(
    "Winterberg Okafor Lindqvist Arroyo Marchetti Novák Tanaka Delacroix Haugen Castellane Brandt Núñez Ferreira "
    "Kowal Adeyemi Sørensen Varga Petrov Moreau Iyer Quill Ashdown Vance Holloway Rook Sayle Thorne Mbeki Laurent "
    "Ōmori"
)
_VERBS = _listed("Running Falling Waiting Dancing Calling Burning Drifting Breathing Dreaming Hiding Leaving Turning")
_TIMES = _listed(
    "Tonight|Tomorrow|in June|After Dark|at Dawn|Again|Forever|on Sunday|for Now|Before the Rain|Alone", "|"
)
GENRES = _listed(
    "indie pop|art rock|dream pop|techno|deep house|ambient|lo-fi beats|synthwave|folk|jazz|neo soul|hip "
    "hop|trap|reggaeton|afrobeats|metal|shoegaze|post-punk|drum and bass|bossa nova|chanson|k-pop|classical|city "
    "pop|country",
    "|",
)
_ODD = ("雨の駅", "Ночной поезд", "ليل", "AC|DC|EF", "N.O.T.E.", "¿Y Tú?", "Ænima Kvæld", "3:00 AM, Again", 'The "Q"')
_SUFFIXES = (" - Live", " - Radio Edit", " - Remastered 2011", " (Acoustic)", " - Demo", " (Interlude)")


def artist_name(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.34:
        return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    if kind < 0.58:
        return f"The {rng.choice(_ADJECTIVES)} {_plural(rng.choice(_NOUNS))}"
    if kind < 0.78:
        return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    if kind < 0.88:
        return f"{rng.choice(_FIRST)} & {rng.choice(_FIRST)}"
    if kind < 0.96:
        return f"DJ {rng.choice(_NOUNS)} {rng.choice(_LAST)}"
    return f"{rng.choice(_ODD)} {rng.choice(_NOUNS)}"


def album_name(rng: Random) -> str:
    if rng.random() < 0.5:
        return f"{rng.choice(_ADJECTIVES)} {_plural(rng.choice(_NOUNS))}"
    return f"{rng.choice(_VERBS)} {rng.choice(_TIMES)}"


def track_name(rng: Random, featuring: str | None) -> str:
    kind = rng.random()
    if kind < 0.35:
        name = f"{rng.choice(_VERBS)} {rng.choice(_TIMES)}"
    elif kind < 0.65:
        name = f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    elif kind < 0.95:
        name = f"{rng.choice(_NOUNS)} {rng.choice(_TIMES)}"
    else:
        name = rng.choice(_ODD)
    if featuring is not None and rng.random() < 0.6:
        name += f" (feat. {featuring})"
    if rng.random() < 0.07:
        name += rng.choice(_SUFFIXES)
    return name


def show_name(rng: Random) -> str:
    return f"The {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} Hour"


def episode_name(rng: Random, number: int) -> str:
    return f"#{number}: {rng.choice(_VERBS)} with {rng.choice(_FIRST)} {rng.choice(_LAST)}"


def playlist_name(rng: Random) -> str:
    return f"{rng.choice(_ADJECTIVES)} {rng.choice(_TIMES)}"


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith("x") else "s")
