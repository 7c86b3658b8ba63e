"""What is measured: the jobs with their goals, and how their runs are made."""
import os
import shutil
import subprocess
import sys
import time

import clients
import contents
import corpus
from clients import Place
from server import TICKS, far_away

ROUND_TRIP = 0.040  # seconds
GRAIN = 3.2  # seconds after which mailx trusts the mtime of a directory

# account: messages, small, folders.  Names in small-… have a quota (dovecot.sh).
ACCOUNTS = {
    "mixed-1k": (1_000, False, 1),
    "mixed-1k-20": (1_000, False, 20),
    "mixed-10k": (10_000, False, 1),
    "mixed-10k-20": (10_000, False, 20),
    "light-1k": (1_000, True, 1),
    "light-1k-20": (1_000, True, 20),
    "light-10k": (10_000, True, 1),
    "light-10k-20": (10_000, True, 20),
    "light-100k": (100_000, True, 1),
    "light-100k-20": (100_000, True, 20),
}

FIRST = {"floor": 1.6, "mbsync": 0.4}
FIRST_SMALL = {"floor": 2.0, "mbsync": 0.3}

# job: kind, account, and the goals as multiples of another client's wall time
JOBS = {
    "first-1k": ("first", "mixed-1k", FIRST),
    "first-1k-20": ("first", "mixed-1k-20", FIRST),
    "first-10k": ("first", "mixed-10k", FIRST),
    "first-10k-20": ("first", "mixed-10k-20", FIRST),
    "first-1k-small": ("first", "light-1k", {}),
    "first-10k-small": ("first", "light-10k", FIRST_SMALL),
    "noop-1k": ("noop", "light-1k", {"floor": 3.0}),
    "noop-10k": ("noop", "light-10k", {"floor": 3.0, "mbsync": 0.7}),
    "noop-10k-20": ("noop", "light-10k-20", {"floor": 3.0, "mbsync": 0.7}),
    "noop-100k": ("noop", "light-100k", {"floor": 3.0, "mbsync": 0.2}),
    "far-noop-1": ("far", "light-1k", {}),
    "far-noop-20": ("far", "light-1k-20", {}),
    "sync-noop-10k": ("sync-noop", "light-10k", {"floor": 3.0, "mbsync": 0.7}),
    "sync-noop-10k-20": ("sync-noop", "light-10k-20", {"floor": 3.0, "mbsync": 0.7}),
    "sync-noop-100k": ("sync-noop", "light-100k", {"floor": 3.0, "mbsync": 0.2}),
    "sync-noop-100k-20": ("sync-noop", "light-100k-20", {"floor": 3.0, "mbsync": 0.2}),
    "delta-10k": ("delta", "light-10k", {"floor": 3.0, "mbsync": 0.6}),
    "delta-100k": ("delta", "light-100k", {"floor": 3.0, "mbsync": 0.3}),
    "upload-1k": ("upload", "mixed-1k", {"floor": 2.0, "mbsync": 0.4}),
    "pop-first-1k": ("pop-first", "mixed-1k", {"floor": 1.3, "mpop": 0.7}),
    "pop-first-10k-small": ("pop-first", "light-10k", {"floor": 1.5, "mpop": 0.4}),
    "pop-noop-1k": ("pop-noop", "light-1k", {"floor": 1.0, "mpop": 1.0}),
    "pop-noop-10k": ("pop-noop", "light-10k", {"floor": 1.0, "mpop": 1.0}),
    "pop-far-first-1k-small": ("pop-far", "light-1k", {"floor": 1.2, "mpop": 1.0}),
}
QUICK = ("first-1k", "noop-1k", "noop-10k-20", "far-noop-1", "far-noop-20", "sync-noop-10k", "delta-10k", "upload-1k", "pop-first-1k", "pop-noop-1k")


class Failed(Exception):
    """The bench itself went wrong: what it would measure now means nothing."""


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


# ----------------------------------------------------------------------------------------------------------- the machine


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
    if os.path.exists(directory + "/mail/bsmtp"):
        with open(directory + "/mail/bsmtp", "rb") as file:
            return sum(line.startswith(b"MAIL FROM:") for line in file)
    for place, _, files in os.walk(directory + "/mail"):
        if os.path.basename(place) in ("cur", "new"):
            total += sum(not name.startswith(".") for name in files)
    return total


def account_of(client, base):
    return "%s.%s" % (base, client.lower().replace(" ", "-"))


class Side:
    """A client with an account of its own, both with the same mail: what `sync` jobs start from."""

    def __init__(self, name, place, there):
        self.name, self.place = name, place
        self.here, self.there = contents.Here(place.directory + "/mail"), there
        self.first = None  # the run that brought everything


class Bench:
    """`base`: where clients write.  `programs`: paths of measure, floor and mailx; without mailx, the others only."""

    def __init__(self, server, base, programs, runs, budget):
        self.server, self.base, self.programs, self.runs, self.budget = server, base, programs, runs, budget
        self.names = []
        self.synced = {}  # account -> its sides

    def do(self, job):
        kind, account, goals = JOBS[job]
        count, small, folders = ACCOUNTS[account]
        where = self.directory(job)
        prepared = {}
        self.names = [name for name in clients.who(kind, count) if name != "mailx" or self.programs["mailx"]]
        if kind != "upload":
            self.load(account)
        if kind in ("first", "pop-first"):
            runs = self.first(account, where, self.server.port_of(kind), kind)
        elif kind == "pop-far":
            with far_away(self.server.port_of(kind), ROUND_TRIP) as port:
                runs = self.first(account, where, port, kind)
        elif kind == "pop-noop":
            runs, prepared = self.again(account, where, self.server.port_of(kind), kind)
        elif kind == "noop":
            runs, prepared = self.again(account, where, self.server.port, kind)
        elif kind == "far":
            with far_away(self.server.port, ROUND_TRIP) as port:
                runs, prepared = self.again(account, where, port, kind)
        elif kind == "sync-noop":
            runs = self.sync_noop(account)
        elif kind == "delta":
            runs = self.delta(account, where)
        else:
            runs = self.upload(account, where)
        shape = {"job": job, "kind": kind, "messages": count, "small": small, "folders": folders}
        sides = self.synced.get(account, {}) if kind in ("sync-noop", "delta") else {}
        first_sync = {name: side.first for name, side in sides.items()}
        return dict(shape, limits=goals, runs=runs, prepared=prepared, first_sync=first_sync)

    def load(self, account):
        if account not in self.server.loaded:
            say("loading %s" % account)
            self.server.load(account, *ACCOUNTS[account])

    # ------------------------------------------------------------------------------------------------------ single runs

    def directory(self, *path):
        """A new one, spread over the disk: see the end of run.py."""
        path = os.path.join(self.base, *path)
        os.mkdir(path)
        subprocess.run(["chattr", "+T", path], check=False, stderr=subprocess.DEVNULL)
        return path

    def place(self, where, account, port=None):
        directory = os.path.join(where, str(len(os.listdir(where))))
        os.mkdir(directory)
        return Place(directory, account, port or self.server.port, self.server.env["CA"], self.programs)

    def run(self, name, place, kind):
        """One run: seconds, memory, octets, and what the rest of the machine did meanwhile."""
        command = clients.command(name, place, kind)
        settle()
        position, used, busy = self.server.log_size(), self.server.cpu(), machine_cpu()
        with open(place.directory + "/log", "ab") as log:
            code = subprocess.run(
                [self.programs["measure"], place.directory + "/took", *command],
                env=place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ).returncode
        busy = machine_cpu() - busy
        with open(place.directory + "/took") as file:
            wall, user, system, peak = map(float, file.read().split())
        time.sleep(0.02)
        used = self.server.cpu() - used
        sent, received = self.server.octets(position, place.account)
        return {
            "wall": wall,
            "cpu": user + system,
            "peak_mib": peak / 1024,
            "server_cpu": used,
            "other_cpu": max(0.0, busy - user - system - used),
            "octets_to": sent,
            "octets_from": received,
            "error": "" if clients.is_done(name, kind, code) else "exit code %d" % code,
        }

    def repeat(self, step, before=lambda number: None):
        """Clients in turn; none goes on past its budget, so that one slow client does not take the day."""
        results = {name: [] for name in self.names}
        for number in range(self.runs + 1):
            before(number)
            for name in self.names:
                if results[name] and sum(r["wall"] for r in results[name]) > self.budget:
                    continue
                result = step(name, number)
                # The first round warms caches; it counts only where there will be no other.
                if number > 0 or result["wall"] > self.budget:
                    results[name].append(result)
        return results

    # ------------------------------------------------------------------------------------------------------------ fetch

    def first(self, account, where, port, kind):
        """An empty local store, a full copy."""

        def step(name, _):
            place = self.place(where, account, port)
            result = self.run(name, place, kind)
            complain_about_count(result, place, ACCOUNTS[account][0])
            return result

        return self.repeat(step)

    def again(self, account, where, port, kind):
        """Nothing has changed since the last run.  The first fetch, not through the proxy, is noted too: it feeds the plot."""
        expected = ACCOUNTS[account][0]
        prepared, ready = {}, {}
        first = "pop-first" if kind == "pop-noop" else "first"
        for name in self.names:
            place = self.place(where, account, self.server.port_of(kind))
            prepared[name] = self.run(name, place, first)
            complain_about_count(prepared[name], place, expected)
            place.port = port
            ready[name] = place

        def step(name, _):
            result = self.run(name, ready[name], kind)
            complain_about_count(result, ready[name], expected)
            return result

        return self.repeat(step), prepared

    # ------------------------------------------------------------------------------------------------------------- sync

    def sides(self, account):
        """All the mail on both sides, made once for all jobs of an account; and each client has had a run with nothing to do,
        so that it starts with what it keeps of a settled account."""
        if account not in self.synced:
            say("first sync of %s" % account)
            where = self.directory("synced-" + account)
            base = contents.There(self.server, account)
            expected = base.messages()
            sides = {}
            for name in self.names:
                # Not "light-…" in front: that is a name with a quota (dovecot.sh).
                own = account_of(name, account)
                self.server.copy(account, own)
                place = self.place(where, own)
                side = sides[name] = Side(name, place, contents.There(self.server, own, base.ids))
                side.first = self.run(name, place, "sync-first")
                complain(side.first, side, expected, fatal=True)
            self.synced[account] = sides
        self.calm(self.synced[account])
        return self.synced[account]

    def calm(self, sides):
        """mailx reads a directory again that has just changed; so does the run that finds that nothing has changed since."""
        time.sleep(GRAIN)
        for side in sides.values():
            self.run(side.name, side.place, "delta" if side.name == "floor" else "sync-noop")

    def sync_noop(self, account):
        """Both sides are as the last run left them."""
        sides = self.sides(account)
        expected = {name: side.there.messages() for name, side in sides.items()}

        def step(name, _):
            result = self.run(name, sides[name].place, "sync-noop")
            complain(result, sides[name], expected[name])
            return result

        return self.repeat(step)

    def delta(self, account, where):
        """New messages, other flags and messages gone on the server: the same for all, in each one's own account."""
        sides = self.sides(account)
        expected = {}

        def before(number):
            if number:
                self.calm(sides)
            for name, side in sides.items():
                was = side.there.messages()
                contents.change(self.server, side.place.account, number, os.path.join(where, "new-%d-%s" % (number, name)))
                expected[name] = side.there.messages()
                if contents.difference(expected[name], was) != contents.NEW + 2 * contents.OTHER_FLAGS + contents.GONE:
                    raise Failed("the changes of round %d did not arrive in the account of %s" % (number, name))

        def step(name, _):
            result = self.run(name, sides[name].place, "delta")
            complain(result, sides[name], expected[name])
            return result

        return self.repeat(step, before)

    def upload(self, account, where):
        """New mail here, of an account that was synced when it was empty: mail that was here before that is taken for an old copy."""
        tree = os.path.join(where, "corpus")
        corpus.write(tree, *ACCOUNTS[account])
        expected = contents.Here(tree).messages()
        places = self.directory(os.path.basename(where), "runs")

        def step(name, number):
            own = account_of(name, "upload-%d" % number)
            place = self.place(places, own)
            side = Side(name, place, contents.There(self.server, own))
            if name != "floor":
                complain(self.run(name, place, "sync-first"), side, [], fatal=True)
            shutil.copytree(tree, place.directory + "/mail", dirs_exist_ok=True)
            result = self.run(name, place, "upload")
            complain(result, side, expected)
            self.server.forget(own)
            return result

        return self.repeat(step)


def complain_about_count(result, place, expected):
    found = count_messages(place.directory)
    if not result["error"] and found != expected:
        result["error"] = "%d of %d messages" % (found, expected)


def complain(result, side, expected, fatal=False):
    """Every message with its flags, and no other, on both sides."""
    for where, found in (("here", side.here.messages()), ("there", side.there.messages())):
        wrong = contents.difference(found, expected)
        if wrong and not result["error"]:
            result["error"] = "%d of %d messages differ %s" % (wrong, len(expected), where)
    if fatal and result["error"]:
        raise Failed("%s: %s; see %s/log" % (side.name, result["error"], side.place.directory))
