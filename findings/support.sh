# Sourced by each finding: a folder that is removed at the end, packages of exact versions, and the comparison at the end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Installs packages from PyPI. $python then runs with them.
python_packages() {
  python3 -m venv "$work/venv"
  python="$work/venv/bin/python"
  "$python" -m pip install --quiet --no-compile --disable-pip-version-check "$@"
}

# Installs packages from npm beside the script.
node_packages() {
  npm install --silent --no-audit --no-fund --no-save --prefix "$work" "$@"
}

# Builds src/main.rs of the folder $1 as $program; the other arguments are dependencies as lines of Cargo.toml. CARGO_TARGET_DIR, when it is
# set, keeps what was built for the next run.
rust_program() {
  local folder=$1
  shift
  {
    printf '[package]\nname = "finding"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n'
    printf '%s\n' "$@"
  } > "$folder/Cargo.toml"
  local target=${CARGO_TARGET_DIR:-$work/target}
  cargo build --quiet --manifest-path "$folder/Cargo.toml" --target-dir "$target"
  cp "$target/debug/finding" "$work/program"
  program="$work/program"
}

# Prints what was seen. Fails unless it equals the text on standard input, which is what was seen when the finding was written.
expect() {
  cat > "$work/found"
  cat "$work/seen"
  if ! diff "$work/found" "$work/seen" > "$work/difference"; then
    echo "The behaviour has changed (<: when this was written, >: now):" >&2
    cat "$work/difference" >&2
    exit 1
  fi
}
