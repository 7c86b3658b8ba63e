#!/usr/bin/env python3
"""Runs mailx, its peers (mbsync; for POP3 mpop, getmail and fetchmail) and the limit (floor.c) side by side against a private Dovecot,
and says which goals are reached.

  benches/run.py                       everything: about half an hour on two cores
  benches/run.py --quick               first fetch of 1k, no-op, round trips: a few minutes
  benches/run.py --jobs 'noop-*'       some jobs (shell patterns, separated by commas); --list names them
  benches/run.py --mailx ''            without mailx: the peers only

Every run is a fresh process, clients take turns (A B C A B C), medians are reported.  A first fetch starts in a fresh directory
on a real disk (--work).  What was fetched is counted, and what was synced is compared message by message.  The server keeps its
mail in memory (--server).  Results go to RESULTS.md, results.json and results.svg (--results).  Exit code 1 when a goal is missed
or a run failed.

jobs.py tells what is measured and how, clients.py who takes part, contents.py what is compared, report.py what is enough.
"""
import argparse
import contextlib
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from clients import POP3, POP3_PACKAGES
from jobs import JOBS, QUICK, Bench, Failed, say
from report import judge, publish, table, verdicts
from server import DOVECOT, HERE, Server


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


def output_of(*command):
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip().split("\n")[0]
    return "?"


def conditions(options):
    model = "?"
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        model = re.search(r"model name\s*: (.*)", file.read())[1]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": output_of("git", "describe", "--always", "--dirty"),
        "command": "benches/run.py%s --jobs '%s' --runs %d" % (" --quick" if options.quick else "", options.jobs, options.runs),
        "machine": "%d × %s, Linux %s, %s" % (os.cpu_count(), model, os.uname().release, output_of("stat", "-f", "-c", "%T", options.work)),
        "versions": ", ".join(
            ["Dovecot " + output_of("/usr/sbin/dovecot", "--version")]
            + [output_of(client, "--version") for client in ("mbsync", "mpop", "getmail", "fetchmail") if shutil.which(client)]
        ),
    }


def build(options):
    """The programs that take part, by name."""
    programs = {name: os.path.join(options.work, "tools", name) for name in ("floor", "measure")}
    os.makedirs(os.path.join(options.work, "tools"), exist_ok=True)
    for name, libraries in (("floor", ["-lssl", "-lcrypto"]), ("measure", [])):
        subprocess.run(["cc", "-O2", "-o", programs[name], os.path.join(HERE, name + ".c"), *libraries], check=True)
    mailx = options.mailx
    if mailx is None:
        subprocess.run(["cargo", "build", "--release", "--locked"], check=True, cwd=os.path.dirname(HERE))
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(os.path.dirname(HERE), "target"))
        mailx = os.path.join(target, "release", "mailx")
    # As it is when it is installed: how the linker has left its pages in memory makes up to 1.5 MiB of the peak.
    programs["mailx"] = mailx and shutil.copy2(mailx, os.path.join(options.work, "tools", "mailx"))
    return programs


def main():
    options = parse()
    if options.list:
        print("\n".join(options.chosen))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    packages = POP3_PACKAGES if any(JOBS[job][0] in POP3 for job in options.chosen) else ()
    subprocess.run([os.path.join(os.path.dirname(DOVECOT), "install.sh"), *packages], check=True, stdin=subprocess.DEVNULL)
    programs = build(options)
    # ext4 steps over every inode deleted in the last minutes when it looks for a free one: a bench that first deletes its last
    # run shows up to ten times the system time.  So: directories spread over the disk (+T), and nothing deleted before the end.
    base = os.path.join(options.work, "run-%d" % os.getpid())
    os.makedirs(base)
    server, reports = Server(options.server), []
    try:
        bench = Bench(server, base, programs, options.runs, options.budget)
        for job in options.chosen:
            say(job)
            reports.append(judge(bench.do(job)))
            print(table(reports[-1]), flush=True)
            publish(reports, conditions(options), options.results)
        print(verdicts(reports), flush=True)
    except Failed as why:
        sys.exit("run.py: %s" % why)
    finally:
        server.stop()
        # A million files take minutes: nobody should have to wait for that.
        subprocess.Popen(["nice", "rm", "-rf", base], stdin=subprocess.DEVNULL, start_new_session=True)
    failed = any(m["errors"] for r in reports for m in r["medians"].values())
    return 1 if failed or any(not g["ok"] for r in reports for g in r["goals"]) else 0


if __name__ == "__main__":
    sys.exit(main())
