#!/bin/sh
# Says every 30 seconds which network cards there are while none of them has an address.
. /lib/speediso-lib.sh

tell_network() {
    read -r _now _ < /proc/uptime
    _now=${_now%.*}
    [ -e /run/initramfs/speediso/network-next ] || { mkdir -p /run/initramfs/speediso; echo $((_now + 20)) > /run/initramfs/speediso/network-next; }
    read -r _next < /run/initramfs/speediso/network-next
    [ "$_now" -ge "$_next" ] || return 0
    echo $((_now + 30)) > /run/initramfs/speediso/network-next
    _cards=
    for _dir in /sys/class/net/*; do
        [ -e "$_dir/device" ] || continue
        _link='no link'
        [ "$(cat "$_dir/carrier" 2> /dev/null)" = 1 ] && _link='link, no address yet'
        _cards="$_cards ${_dir##*/} $(cat "$_dir/address") ($_link);"
    done
    complain "waiting for the network since $_now s:${_cards:- no network card found: is its driver or firmware in the image?}"
}
tell_network
