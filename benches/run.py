#!/usr/bin/env python3
"""Runs mailx, mbsync and the limit (floor.c) side by side against a private Dovecot, and says which goals are reached.

  benches/run.py                       everything: about half an hour on two cores
  benches/run.py --quick               first fetch of 1k, no-op, round trips: a few minutes
  benches/run.py --jobs 'noop-*'       some jobs (shell patterns, separated by commas); --list names them
  benches/run.py --mailx ''            without mailx: the peers only

Every run is a fresh process, clients take turns (A B C A B C), medians are reported.  A first fetch starts in a fresh directory
on a real disk (--work); its number of messages is checked.  The server keeps its mail in memory (--server).  Results go to
RESULTS.md, results.json and results.svg (--results).  Exit code 1 when a goal is missed or a run failed.
"""
import argparse
import contextlib
import fnmatch
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

import both
import corpus
import plot

HERE = os.path.dirname(os.path.abspath(__file__))
DOVECOT = os.path.join(os.path.dirname(HERE), "tests", "servers", "dovecot.sh")
ROUND_TRIP = 0.040  # seconds
TICKS = os.sysconf("SC_CLK_TCK")

# account: messages, small, folders
ACCOUNTS = {
    "mixed-1k": (1_000, False, 1),
    "mixed-1k-20": (1_000, False, 20),
    "mixed-10k": (10_000, False, 1),
    "mixed-10k-20": (10_000, False, 20),
    "small-1k": (1_000, True, 1),
    "small-1k-20": (1_000, True, 20),
    "small-10k": (10_000, True, 1),
    "small-10k-20": (10_000, True, 20),
    "small-100k": (100_000, True, 1),
}

FIRST = {"floor": 1.6, "mbsync": 0.4}
FIRST_SMALL = {"floor": 2.0, "mbsync": 0.3}

# job: kind, account, and the goals as multiples of another client's wall time
JOBS = {
    "first-1k": ("first", "mixed-1k", FIRST),
    "first-1k-20": ("first", "mixed-1k-20", FIRST),
    "first-10k": ("first", "mixed-10k", FIRST),
    "first-10k-20": ("first", "mixed-10k-20", FIRST),
    "first-1k-small": ("first", "small-1k", {}),
    "first-10k-small": ("first", "small-10k", FIRST_SMALL),
    "noop-1k": ("noop", "small-1k", {"floor": 3.0}),
    "noop-10k": ("noop", "small-10k", {"floor": 3.0, "mbsync": 0.7}),
    "noop-10k-20": ("noop", "small-10k-20", {"floor": 3.0, "mbsync": 0.7}),
    "noop-100k": ("noop", "small-100k", {"floor": 3.0, "mbsync": 0.2}),
    "delta-10k": ("delta", "small-10k", {"floor": 3.0, "mbsync": 0.6}),
    "delta-100k": ("delta", "small-100k", {"floor": 3.0, "mbsync": 0.3}),
    "upload-1k": ("upload", "mixed-1k", {"floor": 2.0, "mbsync": 0.4}),
    "sync-noop-10k": ("sync-noop", "small-10k", {"floor": 3.0, "mbsync": 0.7}),
    "sync-noop-10k-20": ("sync-noop", "small-10k-20", {"floor": 3.0, "mbsync": 0.7}),
    "sync-noop-100k": ("sync-noop", "small-100k", {"floor": 3.0, "mbsync": 0.2}),
    "far-noop-1": ("far", "small-1k", {}),
    "far-noop-20": ("far", "small-1k-20", {}),
}
QUICK = ("first-1k", "noop-1k", "noop-10k-20", "far-noop-1", "far-noop-20")
ALLOWANCE = {"noop": 0.010, "sync-noop": 0.010, "delta": 0.020}  # seconds on top of the multiple of the floor: the start of a process
ROUND_TRIPS = {"far-noop-1": 8, "far-noop-20": 10}
PEAK_MIB = 30
SYNC = ("delta", "upload", "sync-noop")
SYNC_PEAK_MIB = 40

options = None


# ------------------------------------------------------------------------------------------------------------- the server


class Server:
    def __init__(self, directory):
        self.directory = directory
        self.loaded = set()
        environment = dict(os.environ, SPECIAL_USE="no")
        subprocess.run([DOVECOT, "start", directory], check=True, env=environment, stdin=subprocess.DEVNULL)
        with open(os.path.join(directory, "env")) as lines:
            self.env = dict(line.rstrip("\n").split("=", 1) for line in lines)
        self.port = int(self.env["IMAPS_PORT"])

    def load(self, account, user=None):
        """Fills the account of `user`, who has the account's name unless told otherwise."""
        user = user or account
        if user in self.loaded:
            return
        count, small, folders = ACCOUNTS[account]
        say("loading %s" % user)
        tree = os.path.join(self.directory, "corpus")
        corpus.write(tree, count, small, folders)
        answer = subprocess.run([DOVECOT, "load", self.directory, user, tree], check=True, capture_output=True, text=True)
        if int(answer.stdout.split()[-1]) != count:
            sys.exit("run.py: loading %s: %s messages, not %d" % (account, answer.stdout.strip(), count))
        shutil.rmtree(tree)
        self.loaded.add(user)

    def cpu(self):
        with open(os.path.join(self.directory, "server.pid")) as file:
            master = file.read().split()[0]
        with open("/proc/%s/task/%s/children" % (master, master)) as file:
            processes = [master] + file.read().split()
        total = 0
        for process in processes:
            with contextlib.suppress(OSError), open("/proc/%s/stat" % process) as file:
                total += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:15]))
        return total / TICKS

    def log_size(self):
        return os.path.getsize(self.env["LOG"])

    def octets(self, position, account):
        """Bytes to and from the server since a position in the log, inside TLS and COMPRESS."""
        time.sleep(0.05)
        with open(self.env["LOG"], "rb") as log:
            log.seek(position)
            text = log.read().decode("utf-8", "replace")
        found = re.findall(r"imap\(%s\).* in=(\d+) out=(\d+)" % re.escape(account), text)
        return sum(int(i) for i, _ in found), sum(int(o) for _, o in found)

    def stop(self):
        subprocess.run([DOVECOT, "stop", self.directory], check=False, stdin=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def far_away(port):
    """The port of a latency proxy in front of another port."""
    command = [sys.executable, os.path.join(HERE, "latency_proxy.py"), str(port), str(ROUND_TRIP * 500)]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield int(proxy.stdout.readline())
    finally:
        proxy.terminate()
        proxy.wait()


# ------------------------------------------------------------------------------------------------------------ the clients
# Each makes its configuration below a directory and returns the command; mail goes to <directory>/mail.


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def floor(directory, server, account, port, kind):
    how = ["-n"] if kind not in ("first", "sync") else ["-y", "batch", "-o", directory + "/mail"]
    return [options.tools + "/floor", "-s", *how, str(port), account]


def mbsync(directory, server, account, port, kind, more=""):
    """Pull, as `mailx fetch` does: what is here is not carried to the server; or both ways."""
    ways = "Create Both\nExpunge Both\nSync All" if kind.startswith("sync") else "Create Near\nSync Pull"
    os.makedirs(directory + "/mail", exist_ok=True)
    write(
        directory + "/mbsyncrc",
        f"""IMAPAccount a
Host localhost
Port {port}
User {account}
Pass pass
SSLType IMAPS
CertificateFile {server.env["CA"]}
AuthMechs LOGIN
{more}

IMAPStore there
Account a

MaildirStore here
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel c
Far :there:
Near :here:
Patterns *
{ways}
SyncState *
""",
    )
    return ["mbsync", "-q", "-c", directory + "/mbsyncrc", "c"]


def mbsync_plain(*arguments):
    return mbsync(*arguments, more="DisableExtension COMPRESS=DEFLATE")


def mailx(directory, server, account, port, kind):
    write(directory + "/secret", "pass\n")
    write(
        directory + "/config.toml",
        f"""[accounts.bench]
receive = "imaps://{account}@localhost:{port}"
maildir = "{directory}/mail"
folders = ["*"]
password = {{ file = "{directory}/secret" }}
tls = {{ ca = "{server.env["CA"]}" }}
""",
    )
    return [options.mailx, "--config", directory + "/config.toml", "sync" if kind.startswith("sync") else "fetch"]


CLIENTS = {"floor": floor, "mbsync": mbsync, "mbsync without COMPRESS": mbsync_plain, "mailx": mailx}


def environment(directory):
    xdg = {"XDG_%s_HOME" % name: "%s/%s" % (directory, name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return dict(os.environ, HOME=directory, **xdg)


# -------------------------------------------------------------------------------------------------------------- measuring


def machine_cpu():
    with open("/proc/stat") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / TICKS


def settle():
    """Write back what is dirty, and wait up to two seconds for a quiet machine."""
    os.sync()
    for _ in range(8):
        before = machine_cpu()
        time.sleep(0.25)
        if machine_cpu() - before < 0.06:
            break


def count_messages(directory):
    total = 0
    for place, _, files in os.walk(directory + "/mail"):
        if os.path.basename(place) in ("cur", "new"):
            total += sum(not name.startswith(".") for name in files)
    return total


def run(server, account, command, directory):
    """One run: seconds, memory, octets, and what the rest of the machine did meanwhile."""
    settle()
    position, used, busy = server.log_size(), server.cpu(), machine_cpu()
    with open(directory + "/log", "ab") as log:
        code = subprocess.run(
            [options.tools + "/measure", directory + "/took", *command],
            env=environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ).returncode
    busy = machine_cpu() - busy
    with open(directory + "/took") as file:
        wall, user, system, peak = map(float, file.read().split())
    time.sleep(0.02)
    used = server.cpu() - used
    sent, received = server.octets(position, account)
    return {
        "wall": wall,
        "cpu": user + system,
        "peak_mib": peak / 1024,
        "server_cpu": used,
        "other_cpu": max(0.0, busy - user - system - used),
        "octets_to": sent,
        "octets_from": received,
        "error": "exit code %d" % code if code else "",
    }


def repeat(names, step):
    """Clients in turn; none goes on past its budget, so that one slow client does not take the day."""
    results = {name: [] for name in names}
    for number in range(options.runs + 1):
        for name in names:
            if results[name] and sum(r["wall"] for r in results[name]) > options.budget:
                continue
            result = step(name, number)
            # The first round warms caches; it counts only where there will be no other.
            if number > 0 or result["wall"] > options.budget:
                results[name].append(result)
    return results


def fresh_directory(base):
    directory = os.path.join(base, str(len(os.listdir(base))))
    os.mkdir(directory)
    return directory


def complain_about(result, directory, expected):
    found = count_messages(directory)
    if not result["error"] and found != expected:
        result["error"] = "%d of %d messages" % (found, expected)


def first(server, account, names, base):
    """An empty local store, a full copy."""
    expected = ACCOUNTS[account][0]

    def step(name, _):
        directory = fresh_directory(base)
        result = run(server, account, CLIENTS[name](directory, server, account, server.port, "first"), directory)
        complain_about(result, directory, expected)
        return result

    return repeat(names, step), {}


def again(server, account, names, base, port, kind="noop"):
    """Nothing has changed since the last run.  The first fetch, not through the proxy, is noted too: it feeds the plot."""
    expected = ACCOUNTS[account][0]
    prepared, ready = {}, {}
    for name in names:
        directory = fresh_directory(base)
        prepared[name] = run(server, account, CLIENTS[name](directory, server, account, server.port, "first"), directory)
        complain_about(prepared[name], directory, expected)
        ready[name] = directory, CLIENTS[name](directory, server, account, port, kind)
    if kind != "noop":
        # mailx relies on time stamps of directories once they are old enough; the first round does not count.
        time.sleep(both.TRUST)

    def step(name, _):
        directory, command = ready[name]
        result = run(server, account, command, directory)
        complain_about(result, directory, expected)
        return result

    return repeat(names, step), prepared


def do_job(job, server, base):
    kind, account, goals = JOBS[job]
    names = [name for name in CLIENTS if name != "mailx" or options.mailx]
    if kind in ("delta", "upload"):
        names.remove("mbsync without COMPRESS")
    else:
        server.load(account)
    where = os.path.join(base, job)
    os.mkdir(where)
    subprocess.run(["chattr", "+T", where], check=False, stderr=subprocess.DEVNULL)
    if kind == "first":
        results, prepared = first(server, account, names, where)
    elif kind in ("noop", "sync-noop"):
        results, prepared = again(server, account, names, where, server.port, "sync-noop" if kind == "sync-noop" else "noop")
    elif kind == "delta":
        results, prepared = both.delta(sys.modules[__name__], server, account, names, where)
    elif kind == "upload":
        results, prepared = both.upload(sys.modules[__name__], server, account, names, where)
    else:
        with far_away(server.port) as port:
            results, prepared = again(server, account, names, where, port)
    count, small, folders = ACCOUNTS[account]
    report = {"job": job, "kind": kind, "messages": count, "small": small, "folders": folders, "runs": results, "prepared": prepared}
    report["medians"] = {name: medians(runs) for name, runs in results.items()}
    report["goals"] = check_goals(report, goals)
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
    rows = []

    def goal(text, value, limit, form):
        rows.append({"goal": text % (form % limit), "reached": form % value, "ok": value <= limit and not ours["errors"]})

    for peer, multiple in multiples.items():
        theirs = report["medians"][peer]["wall"]
        allowance = ALLOWANCE.get(report["kind"], 0) if peer == "floor" else 0
        limit = multiple * theirs + allowance
        text = "wall at most %s s = {:g} × {}{}".format(multiple, peer, " + {:.0f} ms".format(allowance * 1000) if allowance else "")
        goal(text, ours["wall"], limit, "%.3f")
    if report["kind"] == "first" and multiples:
        goal("user+sys at most %s s: mbsync without COMPRESS", ours["cpu"], report["medians"]["mbsync without COMPRESS"]["cpu"], "%.3f")
    if report["kind"] in ("noop", "sync-noop"):
        goal("octets from the server at most %s", ours["octets_from"], 1024 + 300 * report["folders"], "%d")
    if report["kind"] == "far":
        goal("at most %s round trips of 40 ms", ours["wall"] / ROUND_TRIP, ROUND_TRIPS[report["job"]], "%.1f")
    goal("peak memory at most %s MiB", ours["peak_mib"], SYNC_PEAK_MIB if report["kind"] in SYNC else PEAK_MIB, "%.1f")
    return rows


# -------------------------------------------------------------------------------------------------------------- reporting


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


def output_of(*command):
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip().split("\n")[0]
    return "?"


def conditions():
    model = "?"
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())[1]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": output_of("git", "describe", "--always", "--dirty"),
        "command": "benches/run.py%s --jobs '%s' --runs %d" % (" --quick" if options.quick else "", options.jobs, options.runs),
        "machine": "%d × %s, Linux %s, %s" % (os.cpu_count(), model, os.uname().release, output_of("stat", "-f", "-c", "%T", options.work)),
        "versions": "Dovecot %s, %s" % (output_of(*["/usr/sbin/dovecot", "--version"]), output_of("mbsync", "--version")),
    }


def table(report):
    what = {"first": "first fetch", "noop": "nothing to do", "far": "nothing to do, 40 ms away",
            "delta": "sync of 100 new, 100 flag changes, 50 gone", "upload": "sync of 1,000 new files", "sync-noop": "sync with nothing to do"}[report["kind"]]
    size = "small" if report["small"] else "mixed sizes"
    folders = "%d folders" % report["folders"] if report["folders"] > 1 else "one folder"
    lines = ["### %s: %s, %s messages (%s), %s\n" % (report["job"], what, format(report["messages"], ","), size, folders)]
    lines.append("| client | wall s (least–most) | × floor | × mbsync | user+sys s | server s | peak MiB | octets to / from server | runs |")
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    base = report["medians"]
    for name, m in base.items():
        trips = " = %.1f round trips" % (m["wall"] / ROUND_TRIP) if report["kind"] == "far" else ""
        cells = [
            name,
            "%.3f (%.3f–%.3f)%s" % (m["wall"], m["least"], m["most"], trips),
            "%.2f" % (m["wall"] / base["floor"]["wall"]),
            "%.2f" % (m["wall"] / base["mbsync"]["wall"]),
            "%.3f" % m["cpu"],
            "%.2f" % m["server_cpu"],
            "%.1f" % m["peak_mib"],
            "{:,} / {:,}".format(int(m["octets_to"]), int(m["octets_from"])),
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


def publish(reports):
    where = conditions()
    text = "# Results\n\nWritten by `%s` on %s at %s; what is measured and how: README.md beside this file.\n\n%s; %s.\n\n" % (
        where["command"].strip(), where["date"], where["commit"], where["machine"], where["versions"])
    text += "![time over mailbox size](results.svg)\n\n" + verdicts(reports) + "\n## Runs\n\n" + "\n".join(map(table, reports))
    os.makedirs(options.results, exist_ok=True)
    write(os.path.join(options.results, "RESULTS.md"), text)
    write(os.path.join(options.results, "results.json"), json.dumps({"conditions": where, "jobs": reports}, indent=1) + "\n")
    write(os.path.join(options.results, "results.svg"), plot.draw(reports))
    for name in ("RESULTS.md", "results.json", "results.svg"):
        os.chmod(os.path.join(options.results, name), 0o644)


# ------------------------------------------------------------------------------------------------------------------- main


def parse():
    root = os.path.dirname(HERE)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", default="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--runs", type=int, help="counted runs of each client (5; quick: 3)")
    parser.add_argument("--budget", type=float, default=45, help="seconds after which a client runs no more in a job")
    parser.add_argument("--mailx", help="the binary (default: build it)")
    parser.add_argument("--work", default=os.path.join(root, "target", "bench"), help="where clients write: a real disk")
    parser.add_argument("--server", default="/dev/shm/mailx-bench.%d" % os.getpid(), help="where the server keeps its mail")
    parser.add_argument("--results", default=HERE)
    parsed = parser.parse_args()
    parsed.runs = parsed.runs or (3 if parsed.quick else 5)
    parsed.work, parsed.server, parsed.results = map(os.path.abspath, (parsed.work, parsed.server, parsed.results))
    chosen = QUICK if parsed.quick else tuple(JOBS)
    patterns = parsed.jobs.split(",")
    if parsed.jobs != "*":
        chosen = tuple(JOBS)
    parsed.chosen = [job for job in chosen if any(fnmatch.fnmatchcase(job, pattern) for pattern in patterns)]
    return parsed


def build_tools():
    options.tools = os.path.join(options.work, "tools")
    os.makedirs(options.tools, exist_ok=True)
    for name, libraries in (("floor", ["-lssl", "-lcrypto"]), ("measure", [])):
        subprocess.run(["cc", "-O2", "-o", options.tools + "/" + name, os.path.join(HERE, name + ".c"), *libraries], check=True)
    if options.mailx is None:
        subprocess.run(["cargo", "build", "--release", "--locked"], check=True, cwd=os.path.dirname(HERE))
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(os.path.dirname(HERE), "target"))
        options.mailx = os.path.join(target, "release", "mailx")
    if options.mailx:
        options.mailx = os.path.abspath(options.mailx)


def main():
    global options
    options = parse()
    if options.list:
        print("\n".join(options.chosen))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    subprocess.run([os.path.join(os.path.dirname(DOVECOT), "install.sh")], check=True, stdin=subprocess.DEVNULL)
    build_tools()
    # ext4 steps over every inode deleted in the last minutes when it looks for a free one: a bench that first deletes its last
    # run shows up to ten times the system time.  So: directories spread over the disk (+T), and nothing deleted before the end.
    base = os.path.join(options.work, "run-%d" % os.getpid())
    os.makedirs(base)
    server, reports = Server(options.server), []
    try:
        for job in options.chosen:
            say(job)
            reports.append(do_job(job, server, base))
            print(table(reports[-1]), flush=True)
            publish(reports)
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)
    print(verdicts(reports))
    failed = any(m["errors"] for r in reports for m in r["medians"].values())
    return 1 if failed or any(not g["ok"] for r in reports for g in r["goals"]) else 0


if __name__ == "__main__":
    sys.exit(main())
