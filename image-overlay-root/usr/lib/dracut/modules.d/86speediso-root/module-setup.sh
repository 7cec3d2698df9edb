#!/bin/bash
# dracut module: the root is an image file on the partition hostpart; speediso decides which one.

check() {
    require_binaries losetup blkid e2fsck kexec busybox timeout || return 1
    return 255
}

depends() {
    echo speediso-lib dracut-systemd fs-lib
}

installkernel() {
    # Filesystems of hostpart and of images, and the EFI partition's.
    hostonly='' instmods loop overlay ext4 xfs btrfs squashfs vfat nls_iso8859-1 nls_cp437 nls_ascii
    # What servers and virtual machines have their disks on.
    hostonly='' instmods nvme ahci ata_piix sd_mod sr_mod usb_storage uas xhci_pci ehci_pci uhci_hcd ohci_pci \
        megaraid_sas mpt3sas smartpqi aacraid hpsa arcmsr isci mvsas pm80xx mptspi \
        virtio_pci virtio_blk virtio_scsi hv_storvsc xen_blkfront vmw_pvscsi
    # Keyboards and consoles for the emergency shell, firmware variables, and the watchdogs that a boot may hang on.
    hostonly='' instmods usbhid hid_generic virtio_console virtio_rng efivarfs \
        i6300esb iTCO_wdt sp5100_tco ipmi_watchdog ipmi_si hpwdt wdat_wdt
}

install() {
    inst_multiple awk blkid cat chmod cp cut date dirname e2fsck fsck.ext4 grep ln losetup mkdir mkfifo modprobe mount mountpoint \
        readlink reboot rm rmdir sed sleep sort sync tail timeout tr udevadm umount uname
    # speediso judges an image with it: whether GRUB would read that.
    inst_multiple -o grub-fstest
    # And whether the filesystem of an image without a manifest is whole.
    inst_multiple -o xfs_repair btrfs
    inst_multiple -o fsck.xfs fsck.btrfs fsck.ext2 fsck.ext3 fsck.fat fsck.vfat
    inst_multiple kexec
    inst_binary /usr/lib/systemd/systemd-volatile-root

    inst_simple "$moddir/root.sh" /usr/lib/speediso/root.sh
    inst_simple "$moddir/hostpart.sh" /usr/lib/speediso/hostpart.sh
    inst_simple "$moddir/restart.sh" /usr/lib/speediso/restart.sh
    inst_simple "$moddir/exitrd.sh" /usr/lib/speediso/exitrd.sh
    inst_simple "$moddir/coldplug.conf" "$systemdsystemunitdir/systemd-udev-trigger.service.d/50-speediso.conf"
    install_exitrd

    # After dracut's own, which knows nothing of a root in a file.
    inst_hook cmdline 50 "$moddir/hook-cmdline.sh"
    inst_hook initqueue/finished 50 "$moddir/hook-finished.sh"
    inst_hook initqueue/timeout 50 "$moddir/hook-timeout.sh"
    inst_hook mount 50 "$moddir/hook-mount.sh"

    # "root=/dev/ram0" of an old boot loader configuration names nothing that could be waited for.
    inst_script "$moddir/generator.sh" /etc/systemd/system-generators/systemd-fstab-generator
    inst_script "$moddir/generator.sh" /etc/systemd/system-generators/dracut-rootfs-generator
    ln -sf /dev/null "$initdir/etc/systemd/system-generators/systemd-gpt-auto-generator"

    # Keys that a candidate has to be signed by, once there are any.
    for _key in "${dracutsysrootdir-}"/etc/speediso/root-keys "${dracutsysrootdir-}"/etc/speediso/root-keys/*; do
        if [ -f "$_key" ]; then
            inst_simple "${_key#"${dracutsysrootdir-}"}"
        elif [ -L "$_key" ] && [ ! -e "$_key" ]; then
            # A link to nothing gives no key: an empty file says so there, and no image is taken.
            mkdir -p "$(dirname "$initdir${_key#"${dracutsysrootdir-}"}")"
            : > "$initdir${_key#"${dracutsysrootdir-}"}"
        fi
    done

    # The program is there when the initramfs is made on a host; where images are built it is put to it afterwards.
    [ ! -x "${dracutsysrootdir-}/usr/bin/speediso" ] || inst_binary /usr/bin/speediso
    # Its libraries are here in any case (those that it loads, as ldd says of it).
    inst_libdir_file 'libstdc++.so.6*' 'libatomic.so.1*' 'libgcc_s.so.1' 'libdl.so.2' 'libpthread.so.0' 'libm.so.6'
    dracut_need_initqueue
}

# The files of /run/initramfs, whole: they are copied there in one go. What the initramfs has too is linked, not doubled.
install_exitrd() {
    local exitrd=$initdir/usr/lib/speediso/exitrd file
    mkdir -p "$exitrd"/{bin,dev,etc,oldroot,proc,run,sys}
    for file in sh ls mount umount losetup cat sync sleep reboot poweroff halt; do
        ln -s busybox "$exitrd/bin/$file"
    done
    cp -L "$dracutsysrootdir$(command -v busybox)" "$exitrd/bin/busybox"
    cp -L "$dracutsysrootdir$(command -v kexec)" "$exitrd/bin/kexec"
    # "name => path (address)", and the loader itself without an arrow.
    for file in $(LD_TRACE_LOADED_OBJECTS=1 "$exitrd/bin/kexec" | grep -o '/[^ ]*'); do
        mkdir -p "$exitrd${file%/*}"
        ln -L "$initdir$file" "$exitrd$file" 2> /dev/null || cp -L "$file" "$exitrd$file"
    done
    cp "$moddir/shutdown.sh" "$exitrd/shutdown"
    chmod 755 "$exitrd/shutdown"
    # systemd takes a folder for a root only with this file (systemd, src/shared/switch-root.c, path_is_os_tree).
    : > "$exitrd/etc/initrd-release"
}
