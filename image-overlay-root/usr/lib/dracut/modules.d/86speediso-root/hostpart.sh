#!/bin/sh
# The partition that holds the root images: which one it is, and whether it is there. Sourced by all hooks of this module.

. /lib/speediso-lib.sh

speediso_run=/run/speediso
hostpart=/run/hostpart

# argument NAME: value of the last NAME=VALUE on the kernel command line; fails when there is none.
argument() {
    _value='' _found=1
    set -f
    # shellcheck disable=SC2013
    for _word in $(cat /proc/cmdline); do
        case "$_word" in "$1="*) _value=${_word#*=} _found=0 ;; esac
    done
    set +f
    printf '%s' "$_value"
    return "$_found"
}

# has_word WORD…: whether one of these words stands on the kernel command line.
has_word() {
    for _wanted in "$@"; do
        case " $(cat /proc/cmdline) " in *" $_wanted "*) return 0 ;; esac
    done
    return 1
}

# cmdline_without NAME…: the kernel command line without these NAME=VALUE.
cmdline_without() {
    _names=" $* "
    _line=''
    set -f
    # shellcheck disable=SC2013
    for _word in $(cat /proc/cmdline); do
        case "$_names" in *" ${_word%%=*} "*) continue ;; esac
        _line="$_line${_line:+ }$_word"
    done
    set +f
    printf '%s' "$_line"
}

# The root is an image file unless "root=" names something else and no parameter asks for an image.
wants_image_root() {
    argument real_root > /dev/null && return 0
    argument raw_loop_root_host_partition > /dev/null && return 0
    argument loopdev_hostpart > /dev/null && return 0
    argument speediso.hostpart > /dev/null && return 0
    case "$(argument root)" in '' | /dev/ram*) return 0 ;; esac
    return 1
}

hostpart_spec() {
    _named=$(argument speediso.hostpart || argument raw_loop_root_host_partition || argument loopdev_hostpart) \
        || _named=LABEL=hostpart
    case "$_named" in
        # sgdisk prints capital letters, udev and blkid know small ones.
        PARTUUID=*) printf 'PARTUUID=%s' "$(printf '%s' "${_named#*=}" | tr 'A-Z' 'a-z')" ;;
        *) printf '%s' "$_named" ;;
    esac
}

on_trial() { [ -n "$(argument speediso.tries)" ]; }

list_devices() { blkid -o device 2> /dev/null | tr '\n' ' '; }

# Cheap enough to be asked twice a second: what udev has linked.
hostpart_is_there() {
    _spec=$(hostpart_spec)
    case "$_spec" in
        LABEL=* | UUID=* | PARTUUID=* | PARTLABEL=*)
            case "${_spec#*=}" in
                # udev writes each of these otherwise (systemd, basic/device-nodes.c, allow_listed_char_for_devnode).
                *[!A-Za-z0-9#+.:=@_-]*)
                    [ -n "$(blkid -c /dev/null -o device -t "$_spec" 2> /dev/null)" ]
                    return
                    ;;
            esac
            _kind=$(printf '%s' "${_spec%%=*}" | tr 'A-Z' 'a-z')
            [ -e "/dev/disk/by-$_kind/${_spec#*=}" ]
            ;;
        *) [ -b "$_spec" ] ;;
    esac
}

# find_hostpart: its device node. Fails with a message when there is none, or when several claim to be it.
find_hostpart() {
    _spec=$(hostpart_spec)
    case "$_spec" in
        *=*)
            # Not what udev has linked: of two with the same label it links one, and which is chance.
            _devices=$(blkid -c /dev/null -o device -t "$_spec" 2> /dev/null | sort)
            ;;
        *) _devices=$_spec ;;
    esac
    # shellcheck disable=SC2086
    set -- $_devices
    case $# in
        0) complain "NO ROOT: there is no partition $_spec; the block devices are: $(list_devices)" ;;
        1)
            printf '%s' "$1"
            return 0
            ;;
        *)
            complain "NO ROOT: $# partitions are $_spec: $*. Nothing was touched; take one away, or name one by" \
                "its own UUID= or PARTUUID= (speediso.hostpart=)"
            ;;
    esac
    return 1
}

# leave HOW: ends this boot at once; HOW is reboot. What was mounted has to be unmounted before.
leave() {
    sync
    "$1" -f
    sleep 60
    # The kernel itself, when even that does not work (Documentation/admin-guide/sysrq.rst).
    echo b > /proc/sysrq-trigger
}
