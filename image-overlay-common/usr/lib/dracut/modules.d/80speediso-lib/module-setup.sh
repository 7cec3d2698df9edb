#!/bin/bash
# dracut module: messages and milestones that all modules of speediso share.

check() {
    return 255
}

depends() {
    return 0
}

install() {
    inst_hook cmdline 00 "$moddir/milestone-initramfs.sh"
    inst_hook pre-pivot 99 "$moddir/milestone-switch-root.sh"
    inst_simple "$moddir/speediso-lib.sh" /lib/speediso-lib.sh
}
