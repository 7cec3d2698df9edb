#!/bin/sh
# /shutdown VERB: process 1 of the last second of a shutdown. Unmounts all that is left, then does what was asked for.

PATH=/bin
say() { echo "<5>speediso: $*" > /dev/kmsg; }

# They come along with the root on some versions of systemd, and stay below /oldroot on others.
for dir in proc sys dev run; do
    [ ! -d "/oldroot/$dir" ] || [ -n "$(ls "/$dir" 2> /dev/null)" ] || mount --move "/oldroot/$dir" "/$dir"
done
[ -e /proc/mounts ] || mount -t proc proc /proc

# Mount points below the old root and hostpart, the last one first.
left() {
    list=''
    while read -r _ point _; do
        case "$point" in
            /oldroot | /oldroot/* | */hostpart | */hostpart/*) list="$point $list" ;;
        esac
    done < /proc/mounts
    echo "$list"
}

pass=0
while [ -n "$(left)" ] && [ "$pass" -lt 40 ]; do
    for point in $(left); do umount "$point" 2> /dev/null; done
    for loop in /sys/block/loop*/loop/backing_file; do
        [ -e "$loop" ] || continue
        name=${loop#/sys/block/}
        losetup -d "/dev/${name%%/*}" 2> /dev/null
    done
    pass=$((pass + 1))
    [ "$pass" -lt 5 ] || sleep 0.2
done
if [ -n "$(left)" ]; then
    say "still mounted: $(left)"
    for point in $(left); do mount -o remount,ro "$point"; done
else
    say 'hostpart is unmounted'
fi
sync

case "$1" in
    kexec) kexec -e ;;
    reboot | poweroff | halt) "$1" -f ;;
esac
reboot -f
sleep 60
