import type { Recipe } from './recipe.ts'
import { FIRMWARE, NOT_FOR_SERVERS, words } from './recipe-parts.ts'

/** The live image: fetched over HTTP, all of it in memory. Add to it here; docs/image.md says how. */
export const liveRecipe: Recipe = {
  flavour: 'live',
  title: 'live system',
  kernel: 'linux-image-amd64',
  overlays: ['image-overlay-common', 'image-overlay'],
  suite: 'trixie',
  components: ['main'],
  packages: [
    // The system
    ...words(`systemd systemd-sysv systemd-resolved systemd-timesyncd libpam-systemd udev dbus kmod
      linux-image-amd64 dracut dracut-network dracut-live kexec-tools openssh-server`),
    // What the speediso program needs; openssl makes the certificate of its live log
    ...words('libatomic1 libstdc++6 ca-certificates openssl'),
    // Inventory
    ...words('pciutils usbutils dmidecode lshw lsscsi ethtool ipmitool efibootmgr numactl'),
    // Disks
    ...words(`smartmontools nvme-cli hdparm sg3-utils mdadm lvm2 cryptsetup-bin fdisk gdisk parted
      util-linux e2fsprogs xfsprogs btrfs-progs dosfstools`),
    // Benchmark
    ...words('fio stress-ng iperf3'),
    // Packing, network and people
    ...words(`zstd xz-utils bzip2 curl rsync iproute2 iputils-ping tcpdump
      less vim-tiny procps psmisc tmux strace`),
  ],
  repositories: [],
  debs: [],
  excludes: [
    ...words('doc man info locale lintian bash-completion zsh fish bug icons pixmaps mime X11 gdb').map(
      (name) => `/usr/share/${name}/*`,
    ),
    // stress-ng links libEGL and libgbm; the drivers behind them, and LLVM, load only where there is a display.
    ...words('/usr/lib/*/libLLVM* /usr/lib/*/libgallium* /usr/lib/*/dri/* /usr/lib/*/libz3.so*'),
    // Only xfs_scrub needs ICU.
    ...words('/usr/lib/*/libicu* /usr/sbin/xfs_scrub* /usr/share/stress-ng/*'),
    // The sources of the compiled hwdb.bin
    '/usr/lib/udev/hwdb.d/*',
    ...words('/boot/config-* /boot/System.map-* /usr/share/vim/*/doc/*'),
  ],
  modulePrunes: [...NOT_FOR_SERVERS, 'arch/x86/kvm'],
  firmware: FIRMWARE,
  defaultFirmware: ['bnx2', 'bnx2x', 'qlogic', 'intel'],
  initramfs: {
    modules: words('systemd-networkd livenet dmsquash-live speediso-fetch'),
    omitModules: [
      ...words(`network-legacy network-manager connman ifcfg kernel-modules kernel-modules-extra
        btrfs cifs crypt dmraid fcoe fcoe-uefi iscsi lunmask lvm mdraid multipath
        nfs nvdimm nvmf overlay-root qemu qemu-net resume virtfs virtiofs
        busybox console-setup drm fido2 hwdb i18n memstrack pkcs11 plymouth terminfo tpm2-tss usrmount`),
      ...words(`coredump cryptsetup hostnamed pcrphase portabled pstore repart resolved
        sysext timedated timesyncd`).map((name) => `systemd-${name}`),
    ],
    // Network cards come from dracut's kernel-network-modules; these are for roots on media and virtual disks.
    drivers: words(`squashfs overlay loop isofs udf vfat nls_iso8859-1 nls_cp437 nls_ascii ext4
      nvme ahci ata_piix sd_mod sr_mod cdrom usb_storage uas xhci_pci ehci_pci uhci_hcd ohci_pci usbhid hid_generic
      virtio_pci virtio_blk virtio_scsi virtio_net virtio_console virtio_rng
      megaraid_sas mpt3sas smartpqi efivarfs dm_mod dm_verity`),
    omitDrivers: words(`cfg80211 mac80211 bna bcache
      dm_vdo dm_cache.* dm_thin_pool dm_era dm_integrity dm_raid raid.* md_mod md_cluster dm_zoned dm_writecache
      dm_flakey dm_delay dm_dust dm_log_.* dm_clone dm_crypt`),
    program: false,
    // The one file that everything hangs on: dracut's own version of it boots damaged roots.
    same: { 'usr/sbin/livenetroot': 'usr/lib/dracut/modules.d/85speediso-fetch/livenetroot.sh' },
  },
  mustRun: [
    'fio --version',
    'stress-ng --version',
    'iperf3 --version',
    'smartctl --version',
    'nvme version',
    'hdparm -V',
    'sg_inq --version',
    'mdadm --version',
    'lvm version',
    'dmsetup --version',
    'pvs --version',
    'cryptsetup --version',
    'dmidecode --version',
    'lspci --version',
    'lsusb --version',
    'lshw -version',
    'ethtool --version',
    'ipmitool -V',
    'kexec --version',
    'efibootmgr --version',
    'mkfs.ext4 -V',
    'mkfs.xfs -V',
    'mkfs.btrfs --version',
    'mkfs.vfat --help',
    'sfdisk --version',
    'curl --version',
    'openssl version',
    'zstd --version',
    'sshd -V',
  ].map(words),
  strip: [
    ...words('boot/* dev/* run/* tmp/* var/tmp/* var/log/* var/cache/*/* var/lib/apt/lists/*'),
    ...words('etc/ssh/ssh_host_* etc/nvme/hostid etc/nvme/hostnqn etc/hostname etc/resolv.conf etc/motd'),
    ...words('etc/machine-id var/lib/dbus/machine-id var/lib/systemd/random-seed etc/update-motd.d/*'),
    // fd links that mmdebstrap leaves, backups of the account files
    ...words('etc/*- var/lib/dpkg/*-old vmlinuz vmlinuz.old'),
  ],
  folders: [],
  modes: { root: 0o700, 'root/.ssh': 0o700, 'root/.ssh/authorized_keys': 0o600 },
  motd: 'All of it is in memory: what you change is gone after a reboot.',
  pack: { kind: 'squashfs', file: 'rootfs.squashfs', level: 19, block: '256K' },
  budget: { boot: 45_000_000, root: 200_000_000 },
}
