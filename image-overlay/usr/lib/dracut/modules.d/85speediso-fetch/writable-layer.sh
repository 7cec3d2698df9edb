#!/bin/sh
# The writable layer gets its own tmpfs: in /run it would share that one's 20 % of memory.
. /lib/speediso-lib.sh

if ! [ -e /run/overlayfs ] && ! [ -e /run/ovlwork ]; then
    mkdir -p $speediso_work/rw
    mount -t tmpfs -o size=50%,mode=0755 speediso-rw $speediso_work/rw
    mkdir -m 0755 $speediso_work/rw/upper $speediso_work/rw/work
    ln -s $speediso_work/rw/upper /run/overlayfs
    ln -s $speediso_work/rw/work /run/ovlwork
fi
