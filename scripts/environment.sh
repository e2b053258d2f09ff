# Sourced by the scripts beside it: a .venv with this project in it, made where it is missing and renewed when
# pyproject.toml or the place of the checkout changed. Costs a few milliseconds when there is nothing to do.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and $(python3 --version 2>/dev/null || echo 'no python3') was found; \
install one, or name it: PYTHON=/path/to/python3.12 $0"
}

# is_current STAMP: what is installed came from this pyproject.toml, in this place, for a Python that still runs.
is_current() {
    [ -f "$1" ] && cmp -s "$ROOT/pyproject.toml" "$1" \
        && [ "$(cat "$VENV/millstream-root" 2>/dev/null)" = "$ROOT" ] \
        && "$VENV/bin/python" -c '' 2>/dev/null
}

# ensure_environment [EXTRAS]: EXTRAS is "" for the program alone, "test" with what the tests need.
ensure_environment() {
    local extras="${1:-}"
    local stamp="$VENV/millstream-installed-${extras:-program}"
    # The tests' environment runs the program too.
    if is_current "$stamp" || is_current "$VENV/millstream-installed-test"; then
        return
    fi
    if [ "$(cat "$VENV/millstream-root" 2>/dev/null)" != "$ROOT" ] || ! "$VENV/bin/python" -c '' 2>/dev/null; then
        local python
        python="$(find_python)" || exit 1
        echo "Making .venv with $("$python" --version) ..." >&2
        "$python" -m venv --clear "$VENV" || fail "no virtual environment could be made; on Debian and Ubuntu, \
install python3-venv"
        printf '%s' "$ROOT" > "$VENV/millstream-root"
    fi
    echo "Installing Millstream${extras:+ with what its $extras extra needs} into .venv ..." >&2
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$ROOT${extras:+[$extras]}" >&2 \
        || fail "the installation failed; pip's words are above"
    cp "$ROOT/pyproject.toml" "$stamp"
}
