#!/bin/sh
# Puts the file of kubelease's store into SQLite's WAL mode, which Spin does not do by itself. Run it before
# each start of Spin and while no Spin runs on the file, as in an init container, or in `ExecStartPre=` of systemd:
#
#   sh create-store.sh /data/kubelease.db
#
# The file is the `path` of the store in the runtime configuration or, without one, `.spin/sqlite_key_value.db`
# beside `spin.toml`. It is created if need be; a file that is in WAL mode already is not changed.
set -eu
file=${1:?usage: create-store.sh FILE}
mkdir -p "$(dirname "$file")"
mode=$(sqlite3 "$file" 'PRAGMA journal_mode=WAL')
if [ "$mode" != wal ]; then
  echo "the journal mode of $file stays \`$mode\`: WAL needs a local disk" >&2
  exit 1
fi
