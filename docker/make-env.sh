#!/bin/sh
# Makes .env from .env.example, with a password and a token of its own; one that is there stays.
set -eu
cd "$(dirname "$0")"

random() { # hexadecimal digits of so many bytes
  od -A n -N "$1" -t x1 /dev/urandom | tr -d ' \n'
}

if [ ! -e .env ]; then
  umask 077
  sed -e "s/^LABEL_STUDIO_PASSWORD=$/&$(random 8)/" -e "s/^LABEL_STUDIO_USER_TOKEN=$/&$(random 20)/" \
    -e "s/^POSTGRES_PASSWORD=$/&$(random 16)/" \
    .env.example > .env
fi
echo "Settings and log-in, in $(pwd)/.env:"
grep -E '^LABEL_STUDIO_(USERNAME|PASSWORD|PORT)=' .env
