#!/bin/bash
# livenetroot INTERFACE livenet:URL NEWROOT: fetches the root file system, and starts it only when it is whole.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lib/dracut-lib.sh
. /lib/speediso-lib.sh
. /lib/speediso-no-root-lib.sh
. /lib/speediso-fetch-lib.sh

work=$speediso_work
dir=$work/root
image=$dir/rootfs.squashfs
headers=$work/headers
[ -e "$work/fetched" ] && exit 0

# Nothing to boot: tells it, and starts over once somebody has left the shell.
start_over() {
    local reason=$1
    shift
    give_up "$reason"
    exec "$0" "$@"
}

# networkd's file for a card that the kernel command line names, by ip= or by BOOTIF=.
asked_for() {
    [ -e "/run/systemd/network/70-$1.network" ] && return 0
    grep -qs "^MACAddress=$(cat "/sys/class/net/$1/address")\$" /run/systemd/network/71-0-speediso-bootif.network
}

if is_bmc_card "$1" && ! asked_for "$1"; then
    tell "$1 leads to the BMC: waiting for another card"
    exit 0
fi

sources=("${2#livenet:}")
for mirror in $(getargs speediso.mirror=); do
    # A mirror that ends in a slash is the folder in which the same file lies.
    case "$mirror" in */) mirror=$mirror${sources[0]##*/} ;; esac
    sources+=("$mirror")
done
attempts=$(getarg speediso.fetch.attempts=)
case "$attempts" in '' | *[!0-9]* | 0*) attempts=10 ;; esac
want=
for word in $(getcmdline); do
    case "$word" in
        speediso.sha256=*)
            want=$(echo "${word#*=}" | tr 'A-F' 'a-f')
            case "${#want}:$want" in
                *:*[!0-9a-f]*) start_over "$word is not 64 hexadecimal digits" "$@" ;;
                64:*) ;;
                *) start_over "$word is not 64 hexadecimal digits" "$@" ;;
            esac
            ;;
    esac
done

milestone fetch-start
if ! [ -d "$dir" ]; then
    mkdir -p "$dir"
    limit=$(room)
    mount -t tmpfs -o "size=$limit,mode=0755" speediso-root "$dir"
    echo "$limit" > "$work/limit"
fi
read -r limit < "$work/limit"
forget

# Of each source: attempts that brought no new byte, files that were wrong, most bytes seen, attempts in all.
idle=() wrong=() best=() tries=()
for i in "${!sources[@]}"; do idle[i]=0 wrong[i]=0 best[i]=0 tries[i]=0; done
pause=1

# use I: stays with one source as long as it brings new bytes; 0 when the root is whole.
use() {
    local i=$1 url=${sources[$1]} have rc
    while :; do
        have=$(size_of)
        tries[i]=$((tries[i] + 1))
        if [ "$have" -gt 0 ]; then
            tell "fetching $url (attempt ${tries[i]}, resuming at byte $have${total:+ of $total})"
        else
            tell "fetching $url (attempt ${tries[i]})"
        fi
        attempt "$url"
        rc=$?
        if [ "$rc" -eq 0 ]; then
            if whole "$url" "$want"; then return 0; fi
            wrong[i]=$((wrong[i] + 1))
            forget
            [ "${wrong[i]}" -lt 2 ] || complain "dropped $url: damaged twice"
            return 1
        fi
        # 63: the source announces more than the limit; 23: the memory is full.
        if [ "$rc" -eq 63 ] || [ "$rc" -eq 23 ]; then
            complain "dropped $url: the root does not fit in memory ($(megabytes "$limit") free for it)"
            wrong[i]=2
            forget
            return 1
        fi
        tell "attempt ${tries[i]} failed: $(tail -n 1 "$headers.err" 2> /dev/null) ($(size_of)${total:+ of $total} bytes here)"
        # 33: no ranges there, or the file changed; an HTTP error on a resume is no better.
        if [ "$rc" -eq 33 ] || { [ "$rc" -eq 22 ] && [ "$have" -gt 0 ]; }; then
            forget
            continue
        fi
        if [ "$(size_of)" -le "${best[i]}" ]; then
            idle[i]=$((idle[i] + 1))
            [ "${idle[i]}" -lt "$attempts" ] || complain "dropped $url: $attempts attempts without a new byte"
            return 1
        fi
        best[i]=$(size_of) idle[i]=0 pause=1
        sleep 1
    done
}

while :; do
    left=0
    for i in "${!sources[@]}"; do
        { [ "${idle[i]}" -lt "$attempts" ] && [ "${wrong[i]}" -lt 2 ]; } || continue
        left=$((left + 1))
        # Bytes of one source are never mixed with those of another.
        [ "${last:-$i}" = "$i" ] || forget
        last=$i
        if use "$i"; then break 2; fi
    done
    if [ "$left" -eq 0 ]; then
        forget
        start_over "no source gave a whole root (${#sources[@]} tried: ${sources[*]})" "$@"
    fi
    sleep "$pause"
    pause=$((pause < 16 ? pause * 2 : 30))
done

milestone fetch-end
: > "$work/fetched"
exec /sbin/dmsquash-live-root "$image"
