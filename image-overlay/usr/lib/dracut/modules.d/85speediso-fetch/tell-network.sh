#!/bin/sh
# Says every 30 seconds which network cards there are while none of them has an address.
. /lib/speediso-lib.sh

list_cards() {
    for _dir in /sys/class/net/*; do
        [ -e "$_dir/device" ] || continue
        _link='no link'
        [ "$(cat "$_dir/carrier" 2> /dev/null)" = 1 ] && _link='link, but no address'
        printf '%s %s (%s); ' "${_dir##*/}" "$(cat "$_dir/address")" "$_link"
    done
}

tell_network() {
    _cards=$(list_cards)
    complain "no network after $1 s: ${_cards:-no network card found; is its driver or firmware in the image?}"
}

read -r _now _ < /proc/uptime
_now=${_now%.*}
[ -e "$speediso_work/network-next" ] || { mkdir -p "$speediso_work"; echo $((_now + 20)) > "$speediso_work/network-next"; }
read -r _next < "$speediso_work/network-next"
if [ "$_now" -ge "$_next" ]; then
    echo $((_now + 30)) > "$speediso_work/network-next"
    tell_network "$_now"
fi
