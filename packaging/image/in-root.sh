#!/bin/sh
# in-root.sh ROOT FILE dracut-arguments…: runs dracut inside ROOT and checks FILE, the initramfs (a path in ROOT).
# To be run in a mount namespace of its own.
set -eu
root=$1 file=$2
shift 2
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
chroot "$root" depmod --errsyms "$(ls "$root/usr/lib/modules")"
chroot "$root" dracut "$@" 2>&1 | tee "$root/var/tmp/dracut.log"
if ! [ -s "$root$file" ] || grep -E 'dracut(-install)?(\[E\]|: Failed)' "$root/var/tmp/dracut.log" >&2; then
    echo 'dracut did not make a complete initramfs' >&2
    exit 1
fi
# The one file that everything hangs on: dracut's own version of it boots damaged roots.
module=$root/usr/lib/dracut/modules.d/85speediso-fetch
chroot "$root" cpio --extract --to-stdout --quiet usr/sbin/livenetroot < "$root$file" | cmp - "$module/livenetroot.sh"
