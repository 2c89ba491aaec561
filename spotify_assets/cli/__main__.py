"""`python -m spotify_assets.cli` is `spotify-assets`."""

from spotify_assets.cli import main

main()
