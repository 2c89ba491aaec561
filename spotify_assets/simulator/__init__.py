"""A local Spotify for the demo, the tests and the benchmarks: accounts, Web API, and listeners with a life.

It answers as `api.spotify.com` and `accounts.spotify.com` did in 2026. It imports nothing of the pipeline but this
package, and no Dagster.
"""
