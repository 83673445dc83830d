# shellcheck shell=bash
# What the scripts share. Read it with `source`; it changes nothing by itself.

oldest_postgres=15

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Whether version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The folder of PostgreSQL's server programs: beside the `postgres` on PATH, else Debian's newest. Prints
# nothing when none is new enough.
find_postgres() {
    local dir version
    {
        if has postgres; then dirname "$(readlink -f "$(command -v postgres)")"; fi
        for dir in /usr/lib/postgresql/*/bin; do echo "$dir"; done | sort -Vr
    } | while read -r dir; do
        [ -x "$dir/initdb" ] || continue
        version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ "$version" -ge "$oldest_postgres" ]; then
            echo "$dir"
            break
        fi
    done
}
