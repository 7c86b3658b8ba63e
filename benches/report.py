"""Medians, goals, tables, and the files that are published."""
import json
import os
import statistics

import contents
import plot
from clients import peer, write
from jobs import ROUND_TRIP

ALLOWANCE = {"noop": 0.010, "sync-noop": 0.010, "pop-noop": 0.010, "delta": 0.020}  # seconds on top of the multiple of the floor: the start of a process
ROUND_TRIPS = {"far-noop-1": 8, "far-noop-20": 10}
PEAK_MIB = 30
PEAK_MIB_SYNC = 38.1  # 40 MB
PEAK_MIB_POP3 = 19.1  # 20 MB

WHAT = {
    "first": "first fetch",
    "noop": "nothing to do",
    "far": "nothing to do, 40 ms away",
    "sync-noop": "sync with nothing to do",
    "delta": "sync of %d new, %d with other flags and %d gone on the server" % (contents.NEW, contents.OTHER_FLAGS, contents.GONE),
    "upload": "sync to an empty account",
    "pop-first": "first fetch over POP3",
    "pop-noop": "nothing new over POP3",
    "pop-far": "first fetch over POP3, 40 ms away",
}


def judge(report):
    """Adds medians and goals to what a job brought."""
    report["medians"] = {name: medians(runs) for name, runs in report["runs"].items()}
    report["goals"] = check_goals(report, report.pop("limits"))
    return report


def medians(runs):
    """Of the runs that worked, those in which the rest of the machine used under half a core; else of the quietest third."""
    good = [r for r in runs if not r["error"]] or runs
    quiet = [r for r in good if r["other_cpu"] < 0.5 * r["wall"] + 0.03]
    if len(quiet) * 3 < len(good):
        quiet = sorted(good, key=lambda r: r["other_cpu"] / r["wall"])[: max(1, len(good) // 3)]
    keys = ("wall", "cpu", "peak_mib", "server_cpu", "octets_to", "octets_from")
    result = {key: statistics.median(r[key] for r in quiet) for key in keys}
    result["least"], result["most"] = min(r["wall"] for r in quiet), max(r["wall"] for r in quiet)
    result["used"], result["of"] = len(quiet), len(runs)
    result["errors"] = sorted({r["error"] for r in runs if r["error"]})
    return result


def check_goals(report, multiples):
    """Rows of (goal, what was reached, whether that is enough); none without mailx."""
    ours = report["medians"].get("mailx")
    if not ours:
        return []
    kind, rows = report["kind"], []

    def goal(text, value, limit, form):
        rows.append({"goal": text % (form % limit), "reached": form % value, "ok": value <= limit and not ours["errors"]})

    for other, multiple in multiples.items():
        theirs = report["medians"][other]["wall"]
        allowance = ALLOWANCE.get(kind, 0) if other == "floor" else 0
        limit = multiple * theirs + allowance
        text = "wall at most %s s = {:g} × {}{}".format(multiple, other, " + %d ms" % (allowance * 1000) if allowance else "")
        goal(text, ours["wall"], limit, "%.3f")
    if kind == "first" and multiples:
        goal("user+sys at most %s s: mbsync without COMPRESS", ours["cpu"], report["medians"]["mbsync without COMPRESS"]["cpu"], "%.3f")
    if kind in ("noop", "sync-noop"):
        goal("octets from the server at most %s", ours["octets_from"], 1024 + 300 * report["folders"], "%d")
    if kind == "far":
        goal("at most %s round trips of 40 ms", ours["wall"] / ROUND_TRIP, ROUND_TRIPS[report["job"]], "%.1f")
    sync = kind in ("sync-noop", "delta", "upload")
    pop3 = kind.startswith("pop-")
    most, megabytes = (PEAK_MIB_SYNC, " = 40 MB") if sync else (PEAK_MIB_POP3, " = 20 MB") if pop3 else (PEAK_MIB, "")
    goal("peak memory at most %s MiB" + megabytes, ours["peak_mib"], most, "%.1f")
    if report["first_sync"]:
        goal("peak memory of the first sync at most %s MiB = 40 MB", report["first_sync"]["mailx"]["peak_mib"], PEAK_MIB_SYNC, "%.1f")
    return rows


def table(report):
    size = "small" if report["small"] else "mixed sizes"
    folders = "%d folders" % report["folders"] if report["folders"] > 1 else "one folder"
    lines = ["### %s: %s, %s messages (%s), %s\n" % (report["job"], WHAT[report["kind"]], format(report["messages"], ","), size, folders)]
    rival = peer(report["kind"])
    lines.append("| client | wall s (least–most) | × floor | × " + rival + " | user+sys s | server s | peak MiB | octets to / from server | runs |")
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    base = report["medians"]
    for name, m in base.items():
        trips = " = %.1f round trips" % (m["wall"] / ROUND_TRIP) if report["kind"] == "far" else ""
        cells = [
            name,
            "%.3f (%.3f–%.3f)%s" % (m["wall"], m["least"], m["most"], trips),
            "%.2f" % (m["wall"] / base["floor"]["wall"]),
            "%.2f" % (m["wall"] / base[rival]["wall"]),
            "%.3f" % m["cpu"],
            "%.2f" % m["server_cpu"],
            "%.1f" % m["peak_mib"],
            "{:,} / {:,}".format(int(m["octets_to"]), int(m["octets_from"])) if rival == "mbsync" else "",
            "%d of %d%s" % (m["used"], m["of"], " **%s**" % "; ".join(m["errors"]) if m["errors"] else ""),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def verdicts(reports):
    rows = [(r["job"], g) for r in reports for g in r["goals"]]
    if not rows:
        return ""
    lines = ["## Goals\n", "| job | goal | reached | |", "| --- | --- | --- | --- |"]
    lines += ["| %s | %s | %s | %s |" % (job, g["goal"], g["reached"], "✓" if g["ok"] else "✗") for job, g in rows]
    return "\n".join(lines) + "\n"


def publish(reports, where, directory):
    """RESULTS.md, results.json and results.svg; `where`: the conditions, by name."""
    text = "# Results\n\nWritten by `%s` on %s at %s; what is measured and how: README.md beside this file.\n\n%s; %s.\n\n" % (
        where["command"].strip(), where["date"], where["commit"], where["machine"], where["versions"])
    text += "![time over mailbox size](results.svg)\n\n" + verdicts(reports) + "\n## Runs\n\n" + "\n".join(map(table, reports))
    files = {
        "RESULTS.md": text,
        "results.json": json.dumps({"conditions": where, "jobs": reports}, indent=1) + "\n",
        "results.svg": plot.draw(reports),
    }
    os.makedirs(directory, exist_ok=True)
    for name, content in files.items():
        write(os.path.join(directory, name), content)
        os.chmod(os.path.join(directory, name), 0o644)
