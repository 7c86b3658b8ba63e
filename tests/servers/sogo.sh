#!/bin/bash
# A private SOGo with ActiveSync, in front of a private Dovecot (dovecot.sh) that has the mail: everything below one directory,
# on free ports.  As root (SOGo then runs as its package's user), or as anybody who can read /etc/sogo/sogo.conf, which SOGo demands.
#
#   sogo.sh start   DIR           start it, write DIR/env (idempotent; some two seconds from nothing)
#   sogo.sh stop    DIR           stop it; the mail and what SOGo knows stay, and the next start takes the same ports again
#   sogo.sh restart DIR           SOGo alone, cut off as a crash does it; its Dovecot and its database go on
#   sogo.sh user    DIR NAME...   let these log in to SOGo; Dovecot knows every name (see dovecot.sh)
#   sogo.sh cpu     DIR           CPU seconds that SOGo and its Dovecot have used so far
#   sogo.sh keep    DIR LOCK      stop it and remove DIR once nobody has held a lock (flock) on LOCK for 15 seconds
#   sogo.sh needs                 names what is missing here; 3 when something is
#
# DIR/env holds what dovecot.sh writes, and EAS_PORT: https://localhost:EAS_PORT/Microsoft-Server-ActiveSync.
#
# Options, by environment: those of dovecot.sh, and
#   WORKERS    8: requests that SOGo serves at the same time
#   POLL       as the package polls: SOPE waits 5 ms for the IMAP socket before each of the three commands that a message costs
#   EAS_DEBUG  YES: each request and answer as XML in DIR/sogo/sogod.log
#
# What SOGo wants besides: a mailbox without mod-sequences looks empty for ever.  Dovecot gives them to a mailbox once somebody
# has asked for them (CONDSTORE), or GetItemEstimate did.
set -euo pipefail

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 64
}

die() {
  echo "sogo.sh: $*" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd -P)
[ $# -ge 1 ] || usage
command=$1
if [ "$command" != needs ]; then
  [ $# -ge 2 ] || usage
  mkdir -p "$2/log"
  dir=$(cd "$2" && pwd -P)
  shift 2
fi
# shellcheck source=daemons.sh
. "$here/daemons.sh"

needs() {
  local missing=() program
  for program in sogod mariadbd mariadb memcached nginx dovecot gcc openssl python3 setpriv; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [ -e /usr/lib/GNUstep/SOGo/ActiveSync.SOGo ] || missing+=(sogo-activesync)
  [ "$(id -u)" = 0 ] || [ -r /etc/sogo/sogo.conf ] || missing+=("root, or the right to read /etc/sogo/sogo.conf")
  [ ${#missing[@]} -gt 0 ] || return 0
  printf 'sogo.sh: missing: %s\n' "${missing[*]}" >&2
  return 3
}

# ---------------------------------------------------------------------------------------------------- its directory

prepare() {
  mkdir -p "$sogo"/{home,tmp,sql,spool,nginx}
  if [ "$(id -u)" = 0 ]; then
    # sogod refuses to be root.
    account=sogo
    chown -R "$account:" "$sogo"
    chmod a+x "$dir"
  else
    account=$(id -un)
  fi
  [ -s "$dir/sogo.ports" ] || free_ports 5 >"$dir/sogo.ports"
  read -r eas_port sogod_port sql_port memcached_port sink_port <"$dir/sogo.ports"
  database=mysql://sogo:sogo@127.0.0.1:$sql_port/sogo
  # Later versions of SOPE do not wait, either.
  [ -s "$sogo/fastpoll.so" ] || gcc -shared -fPIC -O2 -o "$sogo/fastpoll.so" "$here/fastpoll.c" -ldl
}

# as NAME COMMAND...: spawns it as the account, with nothing of the caller's environment
as() {
  local name=$1 drop=()
  shift
  [ "$(id -u)" != 0 ] || drop=(setpriv "--reuid=$account" "--regid=$(id -gn "$account")" --clear-groups)
  spawn "$name" "${drop[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "HOME=$sogo/home" "USER=$account" "LOGNAME=$account" \
    "TMPDIR=$sogo/tmp" "$@"
}

sql() {
  mariadb --no-defaults --socket="$sogo/sql.sock" -u root "$@"
}

# ---------------------------------------------------------------------------------------------------- its processes

# await NAME COMMAND...: until the command succeeds
await() {
  local name=$1
  shift
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return; fi
    running "$name" >/dev/null || break
    sleep 0.02
  done
  tail -n 5 "$dir/log/stdio.log" "$sogo/sogod.log" >&2 || true
  die "$name did not start; see $dir/log"
}

listens() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Without privilege tables, which would take most of the time: it listens on loopback, and holds what a test puts there.
start_database() {
  if running mariadb >/dev/null; then return; fi
  printf '%s\n' 'CREATE DATABASE IF NOT EXISTS sogo CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;' 'CREATE TABLE IF NOT EXISTS sogo.users
    (c_uid VARCHAR(128) PRIMARY KEY, c_name VARCHAR(128), c_password VARCHAR(128), c_cn VARCHAR(128), mail VARCHAR(128));' |
    tr '\n' ' ' | sed 's/; /;\n/g' >"$sogo/init.sql"
  as mariadb mariadbd --no-defaults --datadir="$sogo/sql" --socket="$sogo/sql.sock" --pid-file="$sogo/sql.pid" --init-file="$sogo/init.sql" \
    --skip-grant-tables --bind-address=127.0.0.1 --port="$sql_port" --skip-log-bin --character-set-server=utf8mb4 \
    --collation-server=utf8mb4_unicode_ci --max-allowed-packet=256M --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=16M \
    --innodb-buffer-pool-size=32M --innodb-stats-persistent=0
}

# Every setting stands on the command line, which beats /etc/sogo/sogo.conf.
start_sogod() {
  if running sogod >/dev/null; then return; fi
  local preload=() source
  [ -n "${POLL:-}" ] || preload=("LD_PRELOAD=$sogo/fastpoll.so")
  source="({type=sql;id=users;viewURL=\"$database/users\";canAuthenticate=YES;isAddressBook=YES;displayName=Users;userPasswordAlgorithm=plain;})"
  # SOGoInternalSyncInterval: Ping waits five seconds a round at least, and counts rounds.
  # IMAP connections are made anew for each request, as packaged: one that is kept remembers its list of folders.
  as sogod "${preload[@]}" sogod -WONoDetach YES -WOPort "127.0.0.1:$sogod_port" -WOWorkersCount "${WORKERS:-8}" -WOPidFile "$sogo/sogod.pid" \
    -WOLogFile "$sogo/sogod.log" -WOListenQueueSize 300 -WOWatchDogRequestTimeout 60 -WOMaxUploadSize 102400 -SxVMemLimit 2048 \
    -SOGoProfileURL "$database/sogo_user_profile" -OCSFolderInfoURL "$database/sogo_folder_info" \
    -OCSSessionsFolderURL "$database/sogo_sessions_folder" -OCSEMailAlarmsFolderURL "$database/sogo_alarms_folder" \
    -OCSAdminURL "$database/sogo_admin" -MySQL4Encoding utf8mb4 -SOGoUserSources "$source" \
    -SOGoMemcachedHost "127.0.0.1:$memcached_port" -SOGoMailDomain example.test -SOGoForceExternalLoginWithEmail NO \
    -SOGoIMAPServer "imap://127.0.0.1:$IMAP_PORT" -SOGoMailingMechanism smtp -SOGoSMTPServer "smtp://127.0.0.1:$sink_port" -SOGoMailSpoolPath "$sogo/spool" \
    -SOGoSentFolderName Sent -SOGoTrashFolderName Trash -SOGoDraftsFolderName Drafts -SOGoJunkFolderName Junk \
    -SOGoTimeZone UTC -SOGoLanguage English -SOGoPasswordChangeEnabled NO \
    -SOGoVacationEnabled NO -SOGoForwardEnabled NO -SOGoSieveScriptsEnabled NO \
    -SOGoMaximumPingInterval 120 -SOGoMaximumSyncInterval 60 -SOGoInternalSyncInterval 5 -SOGoEASSearchInBody YES \
    -SOGoEASDebugEnabled "${EAS_DEBUG:-NO}"
}

# nginx_server ADDRESS NAME: an address where it shows this certificate, as dovecot.sh has them
nginx_server() {
  cat <<CONF
  server {
    listen $1:$eas_port ssl;
    ssl_certificate $dir/tls/$2.pem;
    ssl_certificate_key $dir/tls/$2.key;
    location ^~ /Microsoft-Server-ActiveSync {
      proxy_pass http://127.0.0.1:$sogod_port/SOGo/Microsoft-Server-ActiveSync;
    }
    location / {
      return 404;
    }
  }
CONF
}

start_nginx() {
  if running nginx >/dev/null; then return; fi
  local listen=127.0.0.1
  if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then listen='[::1]'; fi
  cat >"$sogo/nginx.conf" <<CONF
# Written by sogo.sh
worker_processes 1;
daemon off;
pid $sogo/nginx.pid;
error_log $dir/log/nginx-error.log;
$([ "$(id -u)" != 0 ] || echo "user $account;")
events {
  worker_connections 1024;
}
http {
  access_log $dir/log/nginx-access.log;
  client_body_temp_path $sogo/nginx/body;
  proxy_temp_path $sogo/nginx/proxy;
  fastcgi_temp_path $sogo/nginx/fastcgi;
  uwsgi_temp_path $sogo/nginx/uwsgi;
  scgi_temp_path $sogo/nginx/scgi;
  client_max_body_size 0;
  proxy_http_version 1.0;
  proxy_buffering off;
  proxy_connect_timeout 75;
  proxy_read_timeout 3650;
  proxy_send_timeout 3650;
  proxy_set_header Host \$http_host;
  proxy_set_header x-webobjects-server-protocol HTTP/1.0;
  proxy_set_header x-webobjects-remote-host 127.0.0.1;
  proxy_set_header x-webobjects-server-name localhost;
  proxy_set_header x-webobjects-server-url https://\$http_host;
  proxy_set_header x-webobjects-server-port \$server_port;
  proxy_set_header x-webobjects-remote-user "";
$(nginx_server 127.0.0.1 server)
$([ "$listen" = 127.0.0.1 ] || nginx_server "$listen" server)
$(nginx_server 127.0.0.2 expired)
$(nginx_server 127.0.0.3 selfsigned)
$(nginx_server 127.0.0.4 wrongname)
}
CONF
  # As who started this: the keys are his.
  spawn nginx nginx -c "$sogo/nginx.conf" -e "$dir/log/nginx-error.log"
}

# The port is open before the first worker has loaded what speaks ActiveSync, which then wants a password.
serves() {
  python3 - "$eas_port" "$dir/ca.pem" <<'PY'
import http.client, ssl, sys
tls = ssl.create_default_context(cafile=sys.argv[2])
server = http.client.HTTPSConnection("localhost", int(sys.argv[1]), timeout=30, context=tls)
server.request("OPTIONS", "/Microsoft-Server-ActiveSync")
sys.exit(server.getresponse().status != 401)
PY
}

start_all() {
  "$here/dovecot.sh" start "$dir"
  # shellcheck disable=SC1091 # written by dovecot.sh
  . "$dir/env"
  prepare
  start_database
  running memcached >/dev/null || as memcached memcached -l 127.0.0.1 -p "$memcached_port" -U 0 -m 64
  start_nginx
  # What SOGo sends to its own domain comes into the INBOX there.
  mkdir -p "$dir/outgoing"
  running sogosink >/dev/null || spawn sogosink python3 "$here/smtp_sink.py" "$sink_port" "$dir/outgoing" "$IMAP_PORT" example.test
  await sogosink listens "$sink_port"
  await mariadb sql -e 'SELECT 1 FROM sogo.users LIMIT 1'
  await memcached listens "$memcached_port"
  start_sogod
  await sogod serves
  { grep -v '^EAS_' "$dir/env" && echo "EAS_PORT=$eas_port"; } >"$dir/env.new"
  mv "$dir/env.new" "$dir/env"
}

# Its workers hold no state, and ignore for long that they are to end; each is in a session of its own.  Stopped first, it starts no
# others while they are cut off.
cut_sogod() {
  local pid
  if pid=$(running sogod); then
    kill -STOP "$pid" 2>/dev/null || true
    # shellcheck disable=SC2046 # one argument each
    kill -KILL $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) "$pid" 2>/dev/null || true
  fi
  rm -f "$dir/sogod.pid"
}

stop_all() {
  finish nginx
  cut_sogod
  finish memcached
  finish sogosink
  finish mariadb
  "$here/dovecot.sh" stop "$dir"
}

# ---------------------------------------------------------------------------------------------------- other commands

add_users() {
  local name
  for name in "$@"; do
    [[ $name =~ ^[a-z0-9.-]+$ ]] || die "$name: a user's name is of small letters, digits, points and hyphens"
    echo "REPLACE INTO sogo.users VALUES ('$name', '$name', 'pass', 'Test User', '$name@example.test');"
  done | sql
}

cpu() {
  local pid
  pid=$(running sogod) || die "not running"
  {
    "$here/dovecot.sh" cpu "$dir"
    for child in "$pid" $(cat "/proc/$pid/task/$pid/children"); do sed 's/.*) //' "/proc/$child/stat" 2>/dev/null || true; done |
      awk -v hz="$(getconf CLK_TCK)" '{ s += $12 + $13 + $14 + $15 } END { print s / hz }'
  } | awk '{ s += $1 } END { printf "%.2f\n", s }'
}

keep() {
  local lock=$1 idle=0
  if running keeper >/dev/null; then return; fi
  echo "$$ $(start_time $$)" >"$dir/keeper.pid"
  while [ "$idle" -lt 15 ]; do
    sleep 1
    if flock -n -x "$lock" true; then idle=$((idle + 1)); else idle=0; fi
  done
  # Held to the end: who comes meanwhile waits, and starts another one.
  exec 9>>"$lock"
  flock -x 9
  stop_all 9>&-
  rm -rf "$dir"
}

sogo=${dir:-}/sogo
case $command in
  needs) needs ;;
  start)
    needs || exit
    start_all
    ;;
  stop) stop_all ;;
  restart)
    # shellcheck disable=SC1091 # written by dovecot.sh
    . "$dir/env"
    prepare
    cut_sogod
    start_sogod
    await sogod serves
    ;;
  user) add_users "$@" ;;
  cpu) cpu ;;
  keep) keep "$@" ;;
  *) usage ;;
esac
