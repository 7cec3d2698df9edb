#!/bin/sh
# Brings the root up: checks and mounts hostpart, lets speediso decide, mounts the image that it names as /sysroot.
# Whatever speediso does or fails to do, a host whose image is whole boots.

. /usr/lib/speediso/hostpart.sh
. /usr/lib/speediso/restart.sh
. /usr/lib/speediso/exitrd.sh

answer=$speediso_run/root-answer
sysroot=/sysroot

# Options of fsck as systemd-fsck@.service(8) reads them from the kernel command line.
fsck_options() {
    case "$(argument fsck.mode)" in
        force) _force=-f ;;
        *) _force='' ;;
    esac
    case "$(argument fsck.repair)" in
        yes) printf '%s' "-y $_force" ;;
        no) printf '%s' "-n $_force" ;;
        *) printf '%s' "-p $_force" ;;
    esac
}

# check DEVICE TYPE WHAT: fails when errors were left (fsck(8): exit code 4 and above).
check() {
    [ "$(argument fsck.mode)" != skip ] || return 0
    command -v "fsck.$2" > /dev/null || return 0
    # shellcheck disable=SC2046
    _told=$("fsck.$2" $(fsck_options) "$1" 2>&1)
    _code=$?
    [ "$_code" -eq 0 ] || tell "$3: fsck.$2 ended with $_code: $(printf '%s' "$_told" | tr -s '\n\t ' '   ' | cut -c -600)"
    [ "$_code" -lt 4 ]
}

# mount_hostpart: at $hostpart. Gives in `sound` whether it may be changed.
mount_hostpart() {
    _device=$1
    _type=$(blkid -c /dev/null -o value -s TYPE "$_device")
    sound=yes
    check "$_device" "$_type" hostpart || {
        sound=''
        complain "hostpart ($_device) has errors that fsck did not repair: it is mounted read-only, and nothing changes"
    }
    mkdir -p "$hostpart"
    _flags=$(argument loopdev_hostpart_flags)
    if [ -n "$sound" ]; then
        mount -t "${_type:-auto}" -o "rw,noatime${_flags:+,$_flags}" "$_device" "$hostpart" && return 0
        sound=''
        complain "hostpart ($_device, ${_type:-no known filesystem}) cannot be mounted for writing; trying read-only"
    fi
    mount -t "${_type:-auto}" -o ro "$_device" "$hostpart"
}

# The image whose kernel runs, as GRUB said; and the other one.
image=$(argument real_root) || image=hn-root.img
image=${image#/}
other=${image%.img}-old.img
if [ "$(argument speediso.booted)" = old ]; then
    _swap=$image image=$other other=$_swap
fi
action=mount
# Set once speediso has answered.
trusted=''
trial=''

# answered NAME: a value of the answer, which is text and never run.
answered() { sed -n "s/^$1=//p" "$answer" | tail -n 1 | tr -d '"'; }

# ask: lets speediso decide and act; without a whole answer nothing changes.
ask() {
    _limit=$(argument speediso.switch.timeout)
    case "$_limit" in '' | *[!0-9]*) _limit=600 ;; esac
    rm -f "$answer"
    if ! [ -x /usr/bin/speediso ]; then
        complain 'speediso is not in this initramfs: booting what the boot loader named'
        return
    fi
    mkfifo "$speediso_run/said"
    while IFS= read -r _line; do tell "$_line"; done < "$speediso_run/said" &
    _reader=$!
    timeout --kill-after=10 "$_limit" /usr/bin/speediso root switch --hostpart "$hostpart" --boot \
        --answer "$answer" < /dev/null > "$speediso_run/said" 2>&1
    _code=$?
    # Something that it left running may hold the pipe open; nobody waits for that.
    _waits=0
    while kill -0 "$_reader" 2> /dev/null && [ "$_waits" -lt 20 ]; do
        sleep 0.1
        _waits=$((_waits + 1))
    done
    kill "$_reader" 2> /dev/null
    rm -f "$speediso_run/said"
    case "$_code" in
        0) ;;
        124 | 137) complain "speediso root switch did not end within $_limit s: booting what the boot loader named" ;;
        *) complain "speediso root switch ended with exit code $_code: booting what the boot loader named" ;;
    esac
    [ "$_code" -eq 0 ] || return
    _image=$(answered IMAGE)
    trial=$(answered TRIAL)
    _action=$(answered ACTION)
    case "$_action:$_image" in
        mount:*..* | restart:*..* | mount: | restart:) ;;
        mount:*[!A-Za-z0-9._/+@-]* | restart:*[!A-Za-z0-9._/+@-]*) ;;
        mount:* | restart:*)
            if [ -f "$hostpart/${_image#/}" ]; then
                image=${_image#/} action=$_action trusted=1
                return
            fi
            ;;
    esac
    complain "speediso root switch left no usable answer (ACTION=$_action IMAGE=$_image): booting what the boot" \
        "loader named"
}

# attach IMAGE ro|rw: its loop device.
attach() {
    _readonly=''
    [ "$2" = rw ] || _readonly=--read-only
    # Without direct-io every page of the root would be in memory twice; where the filesystem cannot, it is so.
    _loop=$(losetup --find --show $_readonly --direct-io=on "$hostpart/$1" 2> /dev/null) \
        || _loop=$(losetup --find --show $_readonly "$hostpart/$1") || return 1
    printf '%s' "$_loop"
}

# mount_image IMAGE: as $sysroot. Fails with nothing mounted and no loop device left.
mount_image() {
    _mode=ro
    ! has_word rw || _mode=rw
    if ! [ -f "$hostpart/$1" ]; then
        complain "$1 is not on hostpart"
        return 1
    fi
    loop=$(attach "$1" "$_mode") || return 1
    _type=$(blkid -c /dev/null -o value -s TYPE "$loop")
    [ "$_mode" = ro ] || check "$loop" "$_type" "$1" || complain "$1 has errors that fsck did not repair"
    _flags=$(argument rootflags)
    mount -t "${_type:-auto}" -o "$_mode${_flags:+,$_flags}" "$loop" "$sysroot" && return 0
    losetup -d "$loop"
    [ "$_mode" = ro ] || return 1
    # A journal that was not written back keeps a read-only device from being mounted.
    loop=$(attach "$1" rw) || return 1
    if check "$loop" "$_type" "$1" && mount -t "${_type:-auto}" -o "ro${_flags:+,$_flags}" "$loop" "$sysroot"; then
        tell "$1 had been written to and not unmounted; its journal was replayed"
        return 0
    fi
    losetup -d "$loop"
    complain "$1 cannot be mounted"
    return 1
}

unmount_image() {
    umount "$sysroot"
    losetup -d "$loop"
}

# why_not: why the image at $sysroot cannot run under this kernel; nothing when it can.
why_not() {
    if ! [ -d "$sysroot/lib/modules/$(uname -r)" ]; then
        printf 'has no modules of the kernel that runs (%s)' "$(uname -r)"
        return
    fi
    # speediso knows which images have the same kernel; without its answer the ids have to agree.
    [ -z "$trusted" ] || return
    _wanted=$(argument speediso.image)
    _id=$(sed -n 's/^image=//p' "$sysroot/boot/speediso.env" 2> /dev/null | tail -n 1)
    [ -n "$_id" ] || _id=$(blkid -c /dev/null -o value -s UUID "$loop")
    [ -z "$_wanted" ] || [ "$_id" = "$_wanted" ] || printf 'is not the image that the kernel came from'
}

# take IMAGE [WORD…]: it is the root now, unless it cannot be. An image with another kernel is started by its own, once;
# the words are for that one.
take() {
    _taken=$1
    shift
    mount_image "$_taken" || return 1
    _why=$(why_not)
    if [ -z "$_why" ]; then
        tell "root: $_taken, kernel $(uname -r)"
        return 0
    fi
    unmount_image
    # Of each image apart: one that cannot be the root must not keep the other from being it.
    _restarted=$(argument speediso.restarted) || _restarted=''
    case ",$_restarted," in
        *,"$(role_of "$_taken")",*)
            complain "$_taken $_why, even after a restart: not booted"
            return 1
            ;;
    esac
    complain "$_taken $_why: starting its own kernel"
    restart "$_taken" "speediso.restarted=${_restarted:+$_restarted,}$(role_of "$_taken")" "$@"
    complain "$_taken: its own kernel cannot be started: not booted"
    return 1
}

# keep_reachable: hostpart stays mounted for as long as the root lives in a file on it.
keep_reachable() {
    for _unit in run-hostpart hostpart; do
        mkdir -p "/run/systemd/system/$_unit.mount.d"
        printf '%s\n' '# Under the root: it goes after the root, when systemd itself is gone (/run/initramfs/shutdown).' \
            '[Unit]' 'DefaultDependencies=no' > "/run/systemd/system/$_unit.mount.d/50-speediso.conf"
    done
    if [ -d "$sysroot/hostpart" ]; then mount --bind "$hostpart" "$sysroot/hostpart"; fi
}

# cover: a writable layer in memory when it is asked for.
cover() {
    _volatile=$(argument systemd.volatile) || return 0
    [ "$_volatile" != no ] || return 0
    /usr/lib/systemd/systemd-volatile-root "$_volatile" "$sysroot" \
        || complain "systemd.volatile=$_volatile did not work: the root stays as it is"
}

main() {
    mkdir -p "$speediso_run"
    udevadm settle --timeout=10
    _found=$(find_hostpart) || return 1
    mount_hostpart "$_found" || {
        complain "NO ROOT: hostpart ($_found) cannot be mounted"
        return 1
    }
    milestone hostpart
    # Its device loads it too, but only where the list of static device nodes was worked off.
    [ -e /dev/loop-control ] || modprobe -q loop
    [ -z "$sound" ] || ask
    milestone decided
    if [ "$action" = restart ]; then
        restart "$image" || {
            complain "the kernel of $image cannot be started from here: rebooting into it"
            close_hostpart
            leave reboot
        }
    fi
    # What speediso told of the image that it decided for is not true of any other.
    [ -n "$trusted" ] || rm -f "$speediso_run/root.json"
    take "$image" || {
        if on_trial || [ -n "$trial" ]; then
            complain "$image is on trial and cannot be the root: rebooting, which is counted"
            close_hostpart
            return 1
        fi
        rm -f "$speediso_run/root.json"
        trusted=''
        # Nobody has chosen it.
        case "$(role_of "$other")" in
            old) take "$other" speediso.fallback=unreadable ;;
            *) take "$other" ;;
        esac
    } || {
        complain "NO ROOT: neither $image nor $other on hostpart ($_found) could be started"
        close_hostpart
        return 1
    }
    cover
    keep_reachable
    make_exitrd
    milestone root
}

main || {
    { ! on_trial && [ -z "$trial" ]; } || leave reboot
    exit 1
}
