#!/usr/bin/env bash
# Makes the pictures of terminals in this folder anew: code.png, send.png, doctor.png.
# It needs bin/passeur (make build), and Debian's chromium, coturn, fonts-dejavu-core,
# iproute2, jq and tmux. The nodes run in a network namespace: nothing of the machine is
# seen, and nothing leaves.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ "${1:-}" != inside ]; then
	dir=$(mktemp -d /tmp/shots-XXXXXX)
	trap 'rm -rf "$dir"' EXIT
	unshare --user --map-root-user --net --pid --fork --mount-proc "$0" inside "$dir"
	for text in "$dir"/*.text; do
		name=$(basename "$text" .text)
		"$here/draw.sh" "$text" "$here/$name.png"
	done
	exit
fi

cd "$2"
export HOME=$PWD PATH=$here/../../bin:$PATH:/usr/sbin LC_ALL=C.UTF-8
ip link set lo up
ip link add lan type veth peer name switch
ip addr add 192.0.2.1/24 dev lan
ip addr add fd00:2::1/64 dev lan nodad
ip link set lan up
ip link set switch up

patiently() { # COMMAND…: again and again, a minute long
	for _ in {1..300}; do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.2
	done
	echo "in vain: $*" >&2
	return 1
}
shows() { tmux -L shots capture-pane -p | grep -qE -e "$1"; }
# shot NAME HEIGHT COMMAND WORDS: types the command, and keeps what is shown when the
# words are.
shot() {
	tmux -L shots -f /dev/null new-session -d -x 94 -y "$2" "env PS1='$ ' bash --norc --noprofile"
	patiently shows '^\$'
	tmux -L shots send-keys -l "$3"
	tmux -L shots send-keys Enter
	patiently shows "$4"
	tmux -L shots capture-pane -e -p >"$1.text"
	tmux -L shots send-keys C-c
	patiently shows "^\\$ *\$"
	tmux -L shots kill-server
}

turnserver -n --lt-cred-mech --realm example.org --user alice:secret \
	--listening-ip 192.0.2.1 --relay-ip 192.0.2.1 --listening-ip fd00:2::1 --relay-ip fd00:2::1 \
	--no-udp --no-tls --no-dtls --no-cli --pidfile turn.pid --log-file stdout >turn.log 2>&1 &
mkdir -m 700 alice
cat >alice/config.toml <<'TOML'
stun = ["192.0.2.1:3478", "[fd00:2::1]:3478"]

[[turn]]
url = "turn:192.0.2.1:3478"
username = "alice"
password = "secret"
TOML
passeur run --home bob --name desk --accept contacts >bob.log 2>&1 &
passeur run --home alice --name laptop >alice.log 2>&1 &
patiently passeur --home bob contact list
patiently passeur --home alice contact list
export PASSEUR_HOME=$PWD/alice

shot code 34 'passeur contact invite --name bob' 'waiting for somebody'
passeur contact invite --name bob -q | passeur --home bob contact join - --name alice
head -c 300M /dev/urandom >film.mkv
passeur limit --up 40M
shot send 6 'passeur send film.mkv bob' ' 1[5-9][0-9]\.[0-9] MiB /'
shot doctor 14 'passeur doctor' 'All is well'
