"""kworb.net's page of Spotify's daily chart: an HTML table of 200 rows with links that hold Spotify's ids."""

from html import escape

from starlette.responses import Response

from spotify_assets.simulator.charts import Standing
from spotify_assets.simulator.http import Call, SpotifyError
from spotify_assets.simulator.world import World

_HEADS = ("Pos", "P+", "Artist and Title", "Days", "Pk", "(x?)", "Streams", "Streams+", "7Day", "7Day+", "Total")


def global_daily(world: World, _call: Call) -> Response:
    """`GET /spotify/country/global_daily.html`."""
    chart = world.charts.newest(world.clock.now())
    if chart is None:
        raise SpotifyError(404, "Not Found", is_plain_text=True)
    heads = [*_HEADS, "Rank"] if world.config.kworb_table == "a column more" else _HEADS
    rows = "\n".join(_row(world, standing) for standing in world.charts.standings(world.clock.now()))
    page = (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Spotify Daily Chart - Global</title></head><body>\n'
        f'<div class="container"><span class="pagetitle">Spotify Daily Chart - Global - {chart.day:%Y/%m/%d}</span>\n'
        '<table id="spotifydaily" class="sortable"><thead><tr>'
        f"{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        "</body></html>\n"
    )
    return Response(page.encode(), media_type="text/html")


def _row(world: World, standing: Standing) -> str:
    track = standing.track
    performers = [world.catalogue.artist(track.artist)]
    if track.featuring is not None:
        performers.append(world.catalogue.artist(track.featuring))
    links = [f'<a href="../artist/{artist.id}.html">{escape(artist.name)}</a>' for artist in performers]
    title = f'<a href="../track/{track.id}.html">{escape(track.name)}</a>'
    if world.config.kworb_table == "no links":
        links, title = [escape(artist.name) for artist in performers], escape(track.name)
    named = f"{links[0]} - {title}" + (f" (w/ {links[1]})" if len(links) > 1 else "")
    streams = standing.streams
    cells = [
        str(standing.position),
        "NEW" if standing.change is None else "=" if standing.change == 0 else f"{standing.change:+d}",
        f"<div>{named}</div>",
        str(standing.days),
        str(standing.peak),
        f"(x{standing.days})" if standing.position == standing.peak else "",
        f"{streams:,}",
        f"{streams // 50:+,}",
        f"{streams * 7:,}",
        f"{streams // 10:+,}",
        f"{streams * standing.days:,}",
    ]
    if world.config.kworb_table == "a column more":
        cells.insert(1, str(standing.position))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
