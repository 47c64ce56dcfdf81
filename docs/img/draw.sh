#!/usr/bin/env bash
# draw.sh TEXT PNG: what tmux's capture-pane -e wrote, as a picture.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
lines=$(sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$1" | wc -l) # without empty ones at the end
awk -v file="$1" '/^@TEXT@$/ { while ((getline line < file) > 0) print line; next } { print }' \
	"$here/terminal.html" >"$dir/page.html"
chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$dir/profile" \
	--window-size="890,$((lines * 17 + 36))" --screenshot="$2" "file://$dir/page.html" >/dev/null 2>&1
