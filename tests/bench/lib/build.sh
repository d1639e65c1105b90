# SPDX-License-Identifier: Apache-2.0
# Shared by the benches: a release build, installed below $work/root, and how to run a driver over it.
# Sourced, never run.

bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$bench_dir/../../scripts/lib.sh"

need_packages "${build_packages[@]}" "${bench_packages[@]}"

build=${MESHD_BENCH_BUILD:-$project/build-bench}
work=$(mktemp -d /tmp/meshd-bench.XXXXXX)
chmod 755 "$work"
driver=
cleanup()
{
	[ -n "$driver" ] && kill "$driver" 2>/dev/null && wait "$driver" 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

say "Building meshd ($(basename "$build")) ..." >&2
[ -f "$build/build.ninja" ] || meson setup "$build" "$project" --prefix=/usr --buildtype=release >"$work/build.log" 2>&1 ||
	{ tail -n 20 "$work/build.log" >&2; die "meson setup failed"; }
ninja -C "$build" >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; die "the build failed"; }
install_tree "$build" "$work/root"

# bench MODULE ARGUMENT...: runs the driver; its status is the script's.
bench()
{
	local status=0

	cd "$bench_dir"
	PYTHONDONTWRITEBYTECODE=1 python3 -m "$@" &
	driver=$!
	wait "$driver" || status=$?
	driver=
	exit "$status"
}
