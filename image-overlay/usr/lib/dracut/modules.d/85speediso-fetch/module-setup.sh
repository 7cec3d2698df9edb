#!/bin/bash
# dracut module: fetches the root over HTTP, whole or not at all, in place of dracut's own livenetroot.

check() {
    require_binaries curl sha256sum || return 1
    return 255
}

depends() {
    echo speediso-lib bash livenet dmsquash-live net-lib
}

install() {
    inst_multiple awk cat curl cut date dd mkdir mount od readlink rm sed sha256sum sleep stat tail tr
    # Before networkd starts, which waits for udev and so for all of these hooks; and by its name after dracut's
    # 99-networkd-config, which takes away DHCP on every other card when it finds a file such as this one makes.
    inst_hook cmdline 99 "$moddir/speediso-boot-interface.sh"
    inst_simple "$moddir/71-1-speediso-bmc.network" "$systemdnetworkconfdir/71-1-speediso-bmc.network"
    inst_hook initqueue/settled 50 "$moddir/tell-network.sh"
    inst_hook initqueue/timeout 50 "$moddir/no-network.sh"
    inst_hook pre-mount 00 "$moddir/writable-layer.sh"
    inst_simple "$moddir/no-root-lib.sh" /lib/speediso-no-root-lib.sh
    inst_simple "$moddir/fetch-lib.sh" /lib/speediso-fetch-lib.sh
    # This module sorts before livenet, and dracut keeps the first file of a name.
    inst_script "$moddir/livenetroot.sh" /sbin/livenetroot
    # The name of a host that nobody gave one; DHCP may give another.
    echo speediso > "$initdir/etc/hostname"
    inst_simple "$moddir/cmdline.conf" /etc/cmdline.d/20-speediso.conf
    # dracut's queue itself waits for the first card with an address; this unit would wait for all of them.
    inst_simple "$moddir/wait-online.conf" \
        "$systemdsystemunitdir/systemd-networkd-wait-online.service.d/zz-speediso.conf"
}
