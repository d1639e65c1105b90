# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts beside it: where the project is, what it needs, how to say things.
# Sourced, never run.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages=(
	meson ninja-build pkg-config gcc libc6-dev python3
	libevent-dev protobuf-c-compiler protobuf-compiler libprotobuf-c-dev libnghttp2-dev
	libyaml-dev libjansson-dev uthash-dev libxxhash-dev libpcre2-dev libssl-dev
	libseccomp-dev libcap-ng-dev libsystemd-dev
)
show_packages=(etcd-client curl)
test_packages=(
	clang libclang-rt-14-dev libcmocka-dev etcd-server etcd-client curl
	python3-venv python3-docutils universal-ctags
)
# By command: a Node.js from elsewhere brings its own npm, and Debian's would not go beside it.
command -v npm >/dev/null || test_packages+=(nodejs npm)

# Every object is instrumented, or libFuzzer would be blind; only the targets get its main().
fuzz_options=(
	-Dbuildtype=debugoptimized -Dfuzz=true -Db_lundef=false
	-Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link
)

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# need_packages NAME...: installs from Debian what is missing, as root or with sudo.
need_packages()
{
	local missing=() name as_root=()

	for name in "$@"; do
		dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "packages are missing (${missing[*]}); install them, or install sudo"
		as_root=(sudo)
	fi
	say "Installing from Debian: ${missing[*]}"
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null ||
		say "The package lists could not be refreshed; going on with those that are here."
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		"${missing[@]}" </dev/null >/dev/null || die "apt-get could not install: ${missing[*]}"
}

# free_port: a TCP port of the loopback that nobody listens on now.
free_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND...: until the command succeeds; fails when the time is over.
wait_until()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}

# install_tree BUILD_DIR DIR: installs a build below DIR, readable by the user that meshd runs as.
install_tree()
{
	DESTDIR=$2 meson install -C "$1" --no-rebuild --quiet >/dev/null || die "installing into $2 failed"
	chmod -R a+rX "$2"
}
