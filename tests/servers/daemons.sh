# What the scripts that start servers share; to be sourced with the server's directory in $dir, which has a log/ in it.
# shellcheck shell=bash disable=SC2154 # $dir is the caller's

PATH=$PATH:/usr/sbin:/sbin

# The kernel's start time of process $1: with the pid it names one process for ever.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # the fields after the name are split on purpose
  set -- ${stat##*) }
  [ "$1" != Z ] && echo "${20}"
}

# Prints the pid of what was started as $1 (server, sink), if it still runs.
running() {
  local pid started
  [ -s "$dir/$1.pid" ] || return 1
  read -r pid started <"$dir/$1.pid"
  [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

# spawn NAME COMMAND...: in a session of its own, so that its process group holds nothing else, and with files for its
# standard streams: a pipe of the caller's that a daemon inherits never ends.
spawn() {
  local name=$1 pid
  shift
  setsid "$@" </dev/null >>"$dir/log/stdio.log" 2>&1 &
  pid=$!
  echo "$pid $(start_time "$pid" || echo gone)" >"$dir/$name.pid"
}

# finish NAME: ends it and what it has started.
finish() {
  local pid
  if pid=$(running "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 250); do
      running "$1" >/dev/null || break
      sleep 0.02
    done
    if running "$1" >/dev/null; then kill -KILL -- "-$pid" 2>/dev/null || true; fi
  fi
  rm -f "$dir/$1.pid"
}

# Free ports, held all at once so that no two are the same, on every address that the server listens on.
free_ports() {
  python3 - "$1" <<'PY'
import socket, sys
family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
held = []
for _ in range(int(sys.argv[1])):
    s = socket.socket(family)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("", 0))
    held.append(s)
print(*(s.getsockname()[1] for s in held))
PY
}
