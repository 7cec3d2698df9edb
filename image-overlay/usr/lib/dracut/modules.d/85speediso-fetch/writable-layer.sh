#!/bin/sh
# The writable layer gets its own tmpfs: in /run it would share that one's 20 % of memory.
if ! [ -e /run/overlayfs ] && ! [ -e /run/ovlwork ]; then
    mkdir -p /run/initramfs/speediso/rw
    mount -t tmpfs -o size=50%,mode=0755 speediso-rw /run/initramfs/speediso/rw
    mkdir -m 0755 /run/initramfs/speediso/rw/upper /run/initramfs/speediso/rw/work
    ln -s /run/initramfs/speediso/rw/upper /run/overlayfs
    ln -s /run/initramfs/speediso/rw/work /run/ovlwork
fi
