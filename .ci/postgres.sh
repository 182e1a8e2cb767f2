#!/bin/sh
# A private PostgreSQL for the tests: its own folder, its own free port on loopback, never the machine's default cluster.
#
#   dsn=$(.ci/postgres.sh start)   starts it (or finds the one already started) and prints its address
#   .ci/postgres.sh stop           stops it and removes its folder
#
# Its data need not survive the machine, so it does not wait for the disk: no measure of speed.
# Say GRENIER_PG_DIR to keep several apart. Works as root on Debian (it becomes the user postgres) and as an ordinary user.
# Exit code 3: it cannot be had here, and standard error says why; the caller then leaves GRENIER_TEST_POSTGRES unset.
set -eu

dir=${GRENIER_PG_DIR:-${TMPDIR:-/tmp}/grenier-postgres-$(id -u)}

cannot() {
	echo "postgres.sh: $1" >&2
	exit 3
}

# as runs a command as the owner of the cluster: PostgreSQL refuses to run as root.
as() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	elif command -v runuser >/dev/null 2>&1; then
		runuser -u postgres -- "$@"
	else
		su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$@"
	fi
}

# bin prints the folder of initdb and pg_ctl, the newest version first.
bin() {
	for d in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn) $(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)"); do
		if [ -x "$d/initdb" ] && [ -x "$d/pg_ctl" ]; then
			echo "$d"
			return
		fi
	done
	cannot "no PostgreSQL here; on Debian: apt-get update && apt-get install -y --no-install-recommends postgresql"
}

# running tells whether the cluster in dir lives. The pid in its file counts only if that process serves this very folder:
# after a crash the number may be anybody's.
running() {
	[ -s "$dir/data/postmaster.pid" ] || return 1
	pid=$(head -n 1 "$dir/data/postmaster.pid")
	if [ -r "/proc/$pid/cmdline" ]; then
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$dir/data"
	else
		ps -p "$pid" -o args= 2>/dev/null | grep -qF -- "$dir/data"
	fi
}

dsn() { echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$(sed -n 4p "$dir/data/postmaster.pid")/postgres?sslmode=disable"; }

# make_cluster prepares an empty cluster with a password of its own: other users of the machine reach loopback too.
make_cluster() {
	rm -rf "$dir"
	mkdir -m 0700 "$dir" || cannot "cannot make $dir"
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password"
	if [ "$(id -u)" -eq 0 ]; then
		id postgres >/dev/null 2>&1 || cannot "running as root and there is no user postgres"
		chown -R postgres "$dir"
	fi
	(cd / && as "$pg/initdb" -D "$dir/data" -U postgres -A scram-sha-256 --pwfile="$dir/password" -E UTF8 --locale=C >"$dir.log" 2>&1) ||
		cannot "initdb failed: $(tail -n 3 "$dir.log")"
	mv "$dir.log" "$dir/initdb.log"
}

# start_on tries a few ports of the private range: another program may hold the first.
start_on() {
	port=$((20000 + ($$ + $1 * 7919) % 40000))
	(cd / && as "$pg/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 60 \
		-o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=500 -c fsync=off" start >/dev/null 2>&1)
}

start() {
	if running; then
		dsn
		return
	fi
	make_cluster
	for try in 1 2 3 4 5; do
		if start_on "$try"; then
			dsn
			return
		fi
	done
	cannot "the server does not start: $(tail -n 5 "$dir/server.log" 2>/dev/null)"
}

stop() {
	if running; then
		(cd / && as "$pg/pg_ctl" -D "$dir/data" -w -m fast stop >/dev/null) || cannot "the server in $dir does not stop"
	fi
	rm -rf "$dir"
}

case ${1:-} in
start) pg=$(bin) || exit 3; start ;;
stop) pg=$(bin) || exit 3; stop ;;
*)
	echo "usage: $0 start|stop" >&2
	exit 2
	;;
esac
