#!/usr/bin/env bash
# Installs the Debian packages that the tests need, and only those missing.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

missing=()
need() { # PACKAGE COMMAND
	command -v "$2" >/dev/null || missing+=("$1")
}
need iproute2 ip                   # namespaces as hosts (test/lab)
need nftables nft                  # NATs between them (test/natlab)
need coturn turnserver             # a TURN server of somebody else's
need miniupnpd-nftables miniupnpd  # a router that maps ports
need systemd systemd-analyze       # how well the service is shut in
need systemd-container systemd-nspawn  # boots a system to install the package on
need lintian lintian               # what Debian says of the package
need man-db man                    # judges the man pages
need zsh zsh                       # Tab in real shells
need fish fish
need openssl openssl               # checks the sums of received files
need age age                       # opens what passeur export sealed
need npm npm                       # brings js-libp2p (test/interop), and what judges the dashboard (test/browser)
need chromium chromium             # where the dashboard is looked at
need curl curl                     # what docs/api.md has people type
need jq jq
need gcc gcc                       # the race detector
[ -e /usr/share/bash-completion/bash_completion ] || missing+=(bash-completion)
[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
need pkgconf pkg-config            # finds libnice, somebody else's ICE (test/interop), and the GLib under it
pkg-config --exists nice 2>/dev/null || missing+=(libnice-dev libglib2.0-dev)

[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "the tests need what Debian packages as: ${missing[*]}; install it and try again" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "the tests need: ${missing[*]}; as root: apt-get update && apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
