import type { Recipe } from './recipe.ts'
import { FIRMWARE, NOT_FOR_SERVERS, words } from './recipe-parts.ts'

/** The root image: a file on a host's disk that is the host's root filesystem, kernel and all. */
export const rootRecipe: Recipe = {
  flavour: 'root',
  title: 'root image',
  kernel: 'linux-image-amd64',
  overlays: ['image-overlay-common', 'image-overlay-root'],
  suite: 'trixie',
  components: ['main'],
  packages: [
    // The system
    ...words(`systemd systemd-sysv systemd-resolved systemd-timesyncd libpam-systemd udev dbus kmod
      linux-image-amd64 dracut kexec-tools openssh-server`),
    // What the speediso program needs
    ...words('libatomic1 libstdc++6 ca-certificates openssl'),
    // Disks, and the boot loader that loads this image
    ...words(`util-linux fdisk gdisk e2fsprogs xfsprogs btrfs-progs dosfstools
      grub-common grub2-common grub-pc-bin grub-efi-amd64-bin efibootmgr`),
    // The system that is left when the root goes away, at the end of a shutdown
    'busybox-static',
    // Network and people
    ...words('zstd curl iproute2 iputils-ping less vim-tiny procps'),
  ],
  repositories: [],
  debs: [],
  excludes: [
    ...words('doc man info locale lintian bash-completion zsh fish bug icons pixmaps mime gdb').map(
      (name) => `/usr/share/${name}/*`,
    ),
    // Only xfs_scrub needs ICU.
    ...words('/usr/lib/*/libicu* /usr/sbin/xfs_scrub*'),
    // The sources of the compiled hwdb.bin
    '/usr/lib/udev/hwdb.d/*',
    ...words('/boot/config-* /boot/System.map-* /usr/share/vim/*/doc/*'),
  ],
  modulePrunes: NOT_FOR_SERVERS,
  firmware: FIRMWARE,
  defaultFirmware: ['bnx2', 'bnx2x', 'qlogic', 'intel'],
  initramfs: {
    modules: words('speediso-root'),
    omitModules: [
      ...words(`network network-legacy network-manager connman ifcfg net-lib url-lib
        kernel-modules kernel-modules-extra kernel-network-modules
        btrfs cifs crypt dm dmraid dmsquash-live fcoe fcoe-uefi iscsi livenet lunmask lvm mdraid multipath
        nfs nvdimm nvmf overlay-root overlayfs qemu qemu-net resume virtfs virtiofs speediso-fetch
        busybox console-setup dbus dbus-daemon dbus-broker drm fido2 hwdb i18n memstrack numlock pkcs11 plymouth
        rngd shutdown terminfo tpm2-tss usrmount bluetooth rescue nbd`),
      ...words(`ac-power battery-check bsod coredump creds cryptsetup hostnamed integritysetup ldconfig
        network-management networkd pcrphase portabled pstore repart resolved sysext
        timedated timesyncd veritysetup`).map((name) => `systemd-${name}`),
    ],
    // The dracut module lists them, so that an initramfs made on a host has them too; not every kernel has them all.
    drivers: [],
    omitDrivers: words('cfg80211 mac80211 bcache md_mod raid.* dm_.*'),
    program: true,
    same: { 'usr/lib/speediso/root.sh': 'usr/lib/dracut/modules.d/86speediso-root/root.sh' },
  },
  mustRun: [
    'kexec --version',
    'efibootmgr --version',
    'mkfs.ext4 -V',
    'mkfs.xfs -V',
    'mkfs.btrfs --version',
    'mkfs.vfat --help',
    'sfdisk --version',
    'sgdisk --version',
    'grub-install --version',
    'grub-editenv --version',
    'busybox true',
    'curl --version',
    'openssl version',
    'zstd --version',
    'sshd -V',
  ].map(words),
  strip: [
    ...words('dev/* run/* tmp/* var/tmp/* var/log/* var/cache/*/* var/lib/apt/lists/*'),
    ...words('etc/ssh/ssh_host_* etc/hostname etc/resolv.conf etc/motd etc/fstab'),
    ...words('etc/machine-id var/lib/dbus/machine-id var/lib/systemd/random-seed etc/update-motd.d/*'),
    // fd links that mmdebstrap leaves, backups of the account files
    ...words('etc/*- var/lib/dpkg/*-old vmlinuz vmlinuz.old initrd.img initrd.img.old'),
  ],
  folders: ['hostpart', 'boot/loader', 'root/.ssh'],
  modes: { root: 0o700, 'root/.ssh': 0o700 },
  motd: 'This root is a file on the hostpart partition; an update or a revert exchanges the whole of it.',
  pack: {
    kind: 'ext4',
    file: 'hn-root.img',
    label: 'hn-root',
    // As mke2fs makes them since 1.43; every one is read by GRUB 2.06 (no metadata_csum_seed, no orphan_file).
    features: words(`has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super
      large_file huge_file dir_nlink extra_isize metadata_csum`),
    free: 384 * 1024 * 1024,
  },
  budget: { boot: 90_000_000, root: 1_200_000_000 },
}
