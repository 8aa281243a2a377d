# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=sh
# Sourced by ./build and ./test: sets $node to a Node.js that is new enough, or ends with 3.
# Looks at PATH first, then where version managers and vendors' packages put it.

# True when "$1" runs and is at least 20.17 (module.register and --import as tsx needs them).
new_enough() {
  version=$("$1" -p process.versions.node 2>/dev/null) || return 1
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  case $major$minor in *[!0-9]* | '') return 1 ;; esac
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 17 ]; }
}

node=
too_old=
for candidate in "$(command -v node || :)" "$(command -v nodejs || :)" \
  "${NVM_BIN:-}/node" "${HOME:-}"/.nvm/versions/node/*/bin/node \
  "${HOME:-}"/.volta/bin/node "${HOME:-}"/.local/share/fnm/aliases/default/bin/node \
  /usr/local/bin/node /opt/homebrew/bin/node /opt/node*/bin/node /snap/bin/node; do
  if [ -z "$candidate" ] || [ ! -x "$candidate" ]; then continue; fi
  if new_enough "$candidate"; then
    node=$candidate
    break
  fi
  [ -n "$too_old" ] || too_old="$candidate is ${version:-not a Node.js}"
done

if [ -z "$node" ]; then
  echo "error: Node.js 20.17 or newer is needed, and none was found${too_old:+ ($too_old)}." >&2
  echo "  Install it from https://nodejs.org/ or with a version manager such as nvm, then run this again." >&2
  exit 3
fi
