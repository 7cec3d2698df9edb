#!/bin/sh
# Messages of the initramfs: to the kernel log, which every console shows and which outlives the initramfs.

speediso_work=/run/initramfs/speediso

tell() { printf '<5>speediso: %s\n' "$*" > /dev/kmsg; }

# Shown even with "quiet" on the kernel command line.
complain() { printf '<2>speediso: %s\n' "$*" > /dev/kmsg; }

# speediso-milestone: NAME SECONDS-SINCE-KERNEL-START
milestone() {
    read -r _uptime _ < /proc/uptime
    printf '<5>speediso-milestone: %s %s\n' "$1" "$_uptime" > /dev/kmsg
}
