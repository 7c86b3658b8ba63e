#!/bin/bash
# Installs what the tests, the demo and the benches need besides Rust, and more packages if named: install.sh [PACKAGE...]
#
# Debian 12 and its relatives, by apt, as root or through sudo.  Prints what it installs; does nothing, quickly, when all
# is there.  Elsewhere it names what is missing and ends with 3, so that callers can skip, and say so.
set -euo pipefail

packages=(
  dovecot-imapd dovecot-pop3d dovecot-submissiond dovecot-lmtpd # the servers under test
  sogo sogo-activesync memcached nginx                          # ActiveSync, in front of Dovecot
  mariadb-server-core mariadb-client-core util-linux            # where SOGo keeps its users and sessions; flock, setpriv
  isync                                                         # the peer of the benches, and a Maildir to take over
  openssl python3                                               # certificates; seeding and checking
  gcc libc6-dev libssl-dev                                      # bundled SQLite, ring; floor.c, fastpoll.c
  gnome-keyring dbus libsecret-tools                            # a system keyring in a session of its own
  strace                                                        # order of write, sync and rename
  git-email                                                     # git send-email, which sends through us
  libwbxml2-utils                                               # wbxml2xml, the judge of our WBXML
  "$@"
)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "tests: not a Debian system; install the equivalents of: ${packages[*]}" >&2
  exit 3
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && [ ! -t 0 ]; }; then
    echo "tests: not root, and no sudo, or none without a password; install: ${missing[*]}" >&2
    exit 3
  fi
  as_root=(sudo)
fi

# The packages start services of their own on the standard ports; the tests run private ones instead.  policy-rc.d is
# Debian's way to say so, and is left alone where somebody has one already.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
cleanup() {
  rm -f "$log"
  [ -z "${our_policy:-}" ] || "${as_root[@]}" rm -f "$policy"
}
trap cleanup EXIT
if [ ! -e "$policy" ]; then
  our_policy=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" \
    </dev/null >>"$log" 2>&1
}

echo "tests: installing ${missing[*]}"
[ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -print -quit 2>/dev/null)" ] || apt update || true
# Lists that are there may be too old to name files that still exist.
if ! apt install --no-install-recommends "${missing[@]}"; then
  if ! { apt update && apt install --no-install-recommends "${missing[@]}"; }; then
    tail -n 30 "$log" >&2
    echo "tests: apt could not install: ${missing[*]}" >&2
    exit 3
  fi
fi
