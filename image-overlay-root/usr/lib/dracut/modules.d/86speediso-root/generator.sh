#!/bin/sh
# Stands for the systemd generator of the same name, which must not take "root=/dev/ram0" for a device to wait for, and
# must leave systemd.volatile= to whoever mounts the root.

. /usr/lib/speediso/hostpart.sh
own=/usr/lib/systemd/system-generators/${0##*/}

if wants_image_root; then
    case "$own" in *dracut*) exit 0 ;; esac
    SYSTEMD_PROC_CMDLINE=$(cmdline_without root systemd.volatile)
    export SYSTEMD_PROC_CMDLINE
fi
exec "$own" "$@"
