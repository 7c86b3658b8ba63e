#!/usr/bin/env python3
"""Draws results.svg from the jobs of results.json: plot.py results.json > results.svg

Two panels, both axes logarithmic: seconds of a first fetch and of a run with nothing to do, over the number of (small) messages
in one folder.
"""
import json
import math
import sys

COLOURS = {"mailx": "#c2185b", "mbsync": "#1565c0", "mbsync without COMPRESS": "#64b5f6", "floor": "#616161"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 260, 60, 40, 70  # of a panel, in pixels


def points(jobs, kind):
    """client -> {messages: seconds}; a no-op job's preparation stands in for a first fetch that was not a job."""
    found = {}
    for job in jobs:
        if not job["small"] or job["folders"] != 1 or job["kind"].startswith("pop-"):
            continue
        if kind == "first":
            for name, run in job["prepared"].items():
                if not run["error"]:
                    found.setdefault(name, {}).setdefault(job["messages"], run["wall"])
        if job["kind"] == kind:
            for name, m in job["medians"].items():
                found.setdefault(name, {})[job["messages"]] = m["wall"]
    return found


def ticks(low, high):
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def panel(title, series, x0):
    xs = [x for line in series.values() for x in line] or [1000]
    ys = [y for line in series.values() for y in line.values()] or [1]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))
    span = lambda all_ticks: math.log10(all_ticks[-1] / all_ticks[0]) or 1
    place_x = lambda x: x0 + WIDTH * math.log10(x / x_ticks[0]) / span(x_ticks)
    place_y = lambda y: TOP + HEIGHT - HEIGHT * math.log10(y / y_ticks[0]) / span(y_ticks)
    out = ['<text x="%d" y="%d" font-weight="bold">%s</text>' % (x0, TOP - 16, title)]
    for x in x_ticks:
        out.append('<path d="M%.1f %d v%d" stroke="#ddd"/>' % (place_x(x), TOP, HEIGHT))
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%s</text>' % (place_x(x), TOP + HEIGHT + 18, format(int(x), ",")))
    for y in y_ticks:
        out.append('<path d="M%d %.1f h%d" stroke="#ddd"/>' % (x0, place_y(y), WIDTH))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%g s</text>' % (x0 - 6, place_y(y) + 4, y))
    for name, line in series.items():
        spots = [(place_x(x), place_y(y)) for x, y in sorted(line.items())]
        colour = COLOURS[name]
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (" ".join("%.1f,%.1f" % s for s in spots), colour))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (*spot, colour) for spot in spots]
    return out


def draw(jobs):
    first, again = points(jobs, "first"), points(jobs, "noop")
    width, height = 2 * (LEFT + WIDTH) + GAP, TOP + HEIGHT + 80
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">'
        % (width, height, width, height),
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    out += panel("First fetch, seconds over messages", first, LEFT)
    out += panel("Nothing to do, seconds over messages", again, 2 * LEFT + WIDTH + GAP // 2)
    x, y = LEFT, height - 16
    for name in (n for n in COLOURS if n in first or n in again):
        out.append('<path d="M%d %d h24" stroke="%s" stroke-width="3"/>' % (x, y - 4, COLOURS[name]))
        out.append('<text x="%d" y="%d">%s</text>' % (x + 30, y, name))
        x += 30 + 8 * len(name) + 40  # no letter of the legend is wider
    return "\n".join(out) + "\n</svg>\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as results:
        sys.stdout.write(draw(json.load(results)["jobs"]))
