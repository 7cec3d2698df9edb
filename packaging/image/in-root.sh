#!/bin/sh
# in-root.sh ROOT FILE SAME dracut-arguments…: runs dracut inside ROOT and checks FILE, the initramfs (a path in ROOT).
# SAME: words INSIDE=OUTSIDE, files of the initramfs that have to be that file of ROOT, byte for byte.
# To be run in a mount namespace of its own.
set -eu
root=$1 file=$2 same=$3
shift 3
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
chroot "$root" depmod --errsyms "$(ls "$root/usr/lib/modules")"
chroot "$root" dracut "$@" 2>&1 | tee "$root/var/tmp/dracut.log"
if ! [ -s "$root$file" ] || grep -E 'dracut(-install)?(\[E\]|: Failed)' "$root/var/tmp/dracut.log" >&2; then
    echo 'dracut did not make a complete initramfs' >&2
    exit 1
fi
for pair in $same; do
    chroot "$root" cpio --extract --to-stdout --quiet "${pair%%=*}" < "$root$file" | cmp - "$root/${pair#*=}"
done
