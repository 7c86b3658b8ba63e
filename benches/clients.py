"""The clients: each writes its configuration below a directory and returns the command of a run; mail goes to <directory>/mail.

Kinds of runs: first, noop and far are `mailx fetch` and what is the same job elsewhere; sync-first (all the mail), sync-noop, delta
and upload are `mailx sync`.
"""
import dataclasses
import os

ONE_WAY = ("first", "noop", "far")


@dataclasses.dataclass
class Place:
    """Where a client runs, and what it talks to."""

    directory: str
    account: str
    port: int
    ca: str
    programs: dict

    def environment(self):
        xdg = {"XDG_%s_HOME" % name: "%s/%s" % (self.directory, name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        return dict(os.environ, HOME=self.directory, **xdg)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def floor(place, kind):
    mail = place.directory + "/mail"
    how = {
        "first": ["-y", "batch", "-o", mail],
        "sync-first": ["-y", "batch", "-o", mail],
        "delta": ["-d", "-y", "batch", "-o", mail],
        "upload": ["-u", mail + "/INBOX"],
    }.get(kind, ["-n"])
    return [place.programs["floor"], "-s", *how, str(place.port), place.account]


def mbsync(place, kind, more=""):
    """Pull is what `mailx fetch` does: what is here is not carried to the server."""
    directory = place.directory
    os.makedirs(directory + "/mail", exist_ok=True)
    rules = "Sync Pull\nCreate Near" if kind in ONE_WAY else "Sync All\nCreate Both\nExpunge Both"
    write(
        directory + "/mbsyncrc",
        f"""IMAPAccount a
Host localhost
Port {place.port}
User {place.account}
Pass pass
SSLType IMAPS
CertificateFile {place.ca}
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
{rules}
SyncState *
""",
    )
    return ["mbsync", "-q", "-c", directory + "/mbsyncrc", "c"]


def mbsync_plain(place, kind):
    return mbsync(place, kind, more="DisableExtension COMPRESS=DEFLATE")


def mailx(place, kind):
    directory = place.directory
    write(directory + "/secret", "pass\n")
    write(
        directory + "/config.toml",
        f"""[accounts.bench]
receive = "imaps://{place.account}@localhost:{place.port}"
maildir = "{directory}/mail"
folders = ["*"]
password = {{ file = "{directory}/secret" }}
tls = {{ ca = "{place.ca}" }}
""",
    )
    return [place.programs["mailx"], "--config", directory + "/config.toml", "fetch" if kind in ONE_WAY else "sync"]


CLIENTS = {"floor": floor, "mbsync": mbsync, "mbsync without COMPRESS": mbsync_plain, "mailx": mailx}


def command(name, place, kind):
    return CLIENTS[name](place, kind)
