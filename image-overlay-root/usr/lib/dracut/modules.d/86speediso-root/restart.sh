#!/bin/sh
# Leaves this kernel for the one in an image (kexec). Needs hostpart.sh, and attach of root.sh.

next=$speediso_run/next

# close_hostpart: unmounts it, or at least brings all of it to the disk.
close_hostpart() {
    sync
    for _pass in 1 2 3 4 5; do
        if umount "$hostpart" 2> /dev/null; then return 0; fi
        sleep 0.5
    done
    mount -o remount,ro "$hostpart" && return 0
    complain 'hostpart could not be unmounted'
    return 1
}

# follow FILE: where a link in the image leads; one with an absolute target begins at the image's own top.
follow() {
    _path=$1
    for _hop in 1 2 3 4 5 6 7 8; do
        _target=$(readlink "$next/$_path") || break
        case "$_target" in
            /*) _path=${_target#/} ;;
            *) _path=$(dirname "$_path")/$_target ;;
        esac
    done
    printf '%s' "$next/$_path"
}

# variable NAME: of the image's GRUB environment block.
variable() { sed -n "s/^$1=//p" "$next/boot/speediso.env" 2> /dev/null | tail -n 1; }

# cmdline_for ROLE WORD…: the command line for the kernel of the image at $next: what GRUB would give it. GRUB says where
# the words of the image begin and end (speediso.append=); where another one does not, those of the image that is left
# cannot be told from the host's, and stay.
cmdline_for() {
    _role=$1
    shift
    _id=$(variable image)
    [ -n "$_id" ] || _id=$(blkid -c /dev/null -o value -s UUID "$next_loop")
    _first='' _last='' _part=first
    set -f
    # shellcheck disable=SC2013
    for _word in $(cat /proc/cmdline); do
        case "$_word" in
            BOOT_IMAGE=* | initrd=* | speediso.image=* | speediso.booted=* | speediso.tries=* | speediso.fallback=*) ;;
            speediso.restarted=*) ;;
            speediso.append=*) _part=${_word#*=} ;;
            *)
                case "$_part" in
                    first) _first="$_first${_first:+ }$_word" ;;
                    host) _last="$_last $_word" ;;
                esac
                ;;
        esac
    done
    _all="$_first speediso.image=$_id speediso.booted=$_role"
    [ "$_part" = first ] || _all="$_all speediso.append=image"
    for _word in $(variable append); do
        case "$_part $_all " in "first "*" $_word "*) ;; *) _all="$_all $_word" ;; esac
    done
    [ "$_part" = first ] || _all="$_all speediso.append=host$_last"
    set +f
    printf '%s' "$_all${*:+ }$*"
}

# role_of IMAGE: as GRUB says it with speediso.booted=.
role_of() {
    case "$1" in
        *-old.img) printf old ;;
        *) printf current ;;
    esac
}

# restart IMAGE WORD…: starts the kernel in the image, and does not come back. Fails with hostpart still mounted when
# that kernel cannot be loaded (there is none, the kernel is locked down, or kexec is not built in).
restart() {
    _image=$1
    shift
    next_loop=$(attach "$_image" ro) || return 1
    mkdir -p "$next"
    if mount -o ro "$next_loop" "$next" 2> /dev/null || mount -o ro,noload "$next_loop" "$next"; then
        _kernel=$(follow boot/kernel)
        _initramfs=$(follow boot/initramfs)
        _line=$(cmdline_for "$(role_of "$_image")" "$@")
        _loaded=''
        # By file, which a kernel that asks for signatures takes; else as memory segments, which older ones take.
        for _how in -s -c; do
            if kexec "$_how" -l "$_kernel" --initrd="$_initramfs" --command-line="$_line"; then
                _loaded=yes
                break
            fi
        done
        umount "$next"
    fi
    losetup -d "$next_loop"
    [ -n "$_loaded" ] || return 1
    tell "starting the kernel of $_image"
    milestone restart
    close_hostpart
    sync
    kexec -e
    complain 'kexec -e came back: rebooting'
    leave reboot
}
