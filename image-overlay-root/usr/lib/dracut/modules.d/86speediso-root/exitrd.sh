#!/bin/sh
# The system that is left at the very end of a shutdown: systemd-shutdown(8) makes /run/initramfs the root and starts
# /shutdown there. Only so can the root be unmounted, its loop device detached and hostpart below it unmounted.
# module-setup.sh has put its files together.

make_exitrd() { cp -a /usr/lib/speediso/exitrd/. /run/initramfs/; }
