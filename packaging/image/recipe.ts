/** What goes into an image, as data. Add to it here; docs/image.md says how. */
export interface Recipe {
  suite: string
  /** Archive components that are always on; non-free-firmware is added when firmware is chosen. */
  components: readonly string[]
  packages: readonly string[]
  /** Further archives: `deb` without the `[signed-by]`, `key` a file (.asc or .gpg) relative to this folder. */
  repositories: readonly { name: string; deb: string; key: string }[]
  /** Local packages, relative to this folder, installed in this order after all others. */
  debs: readonly string[]
  /** dpkg path-exclude patterns: these files of packages are never unpacked (`*` also matches `/`). */
  excludes: readonly string[]
  /** Folders and files below /lib/modules/RELEASE/kernel that are left out. */
  modulePrunes: readonly string[]
  /** Sets for --firmware. */
  firmware: Readonly<Record<string, { packages: readonly string[]; excludes: readonly string[] }>>
  defaultFirmware: readonly string[]
  initramfs: {
    modules: readonly string[]
    omitModules: readonly string[]
    drivers: readonly string[]
    /** Regular expressions over module names. */
    omitDrivers: readonly string[]
  }
  /** Programs that must start in the finished root; a tool whose library was excluded fails the build here. */
  mustRun: readonly (readonly string[])[]
  /** Paths (glob) that are emptied or removed: what belongs to one machine or to the build. */
  strip: readonly string[]
  /** Modes that a version control checkout does not keep. */
  modes: Readonly<Record<string, number>>
  squashfs: { level: number; block: string }
  /** Bytes. */
  budget: { boot: number; root: number }
}

/** Words of a text, as lists of names are easiest to read and change. */
const words = (text: string): string[] => text.trim().split(/\s+/)

export const recipe: Recipe = {
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
  modulePrunes: [
    'sound',
    ...words(`bluetooth wireless mac80211 nfc can ieee802154 mac802154 ax25 netrom rose batman-adv atm tipc l2tp
      appletalk lapb x25 6lowpan rxrpc phonet`).map((name) => `net/${name}`),
    ...words(`afs coda gfs2 ocfs2 dlm ubifs jffs2 affs hfs ufs minix omfs befs bfs hpfs freevxfs efs qnx4 qnx6 adfs
      nilfs2 orangefs`).map((name) => `fs/${name}`),
    ...words(`media staging iio bluetooth isdn nfc comedi accessibility firewire pcmcia memstick parport power/supply
      mtd atm accel w1 greybus most auxdisplay soundwire extcon counter gnss usb/gadget usb/misc usb/atm usb/image
      video/fbdev rapidio slimbus siox`).map((name) => `drivers/${name}`),
    // Servers show text on ast and mgag200; virtual machines on bochs, cirrus and virtio.
    ...words('amd nouveau i915 radeon vmwgfx gma500 xe gud qxl vboxvideo tiny panel').map(
      (name) => `drivers/gpu/drm/${name}`,
    ),
    ...words('wireless wwan can hamradio ieee802154 arcnet fddi plip slip ppp wan').map(
      (name) => `drivers/net/${name}`,
    ),
    ...words('touchscreen joystick tablet misc').map((name) => `drivers/input/${name}`),
    ...words('drivers/platform/chrome drivers/platform/surface drivers/block/floppy arch/x86/kvm'),
  ],
  firmware: {
    bnx2: { packages: ['firmware-bnx2'], excludes: [] },
    bnx2x: { packages: ['firmware-bnx2x'], excludes: ['/usr/lib/firmware/bnx2x/*-7.13.1.0.fw'] },
    qlogic: {
      packages: ['firmware-qlogic'],
      // Brocade adapters; their firmware is bigger than all the rest together.
      excludes: ['/usr/lib/firmware/ct*fw*', '/usr/lib/firmware/cbfw*'],
    },
    intel: {
      packages: ['firmware-intel-misc'],
      excludes: ['vpu', 'ish', 'ipu', 'avs', 'ice/ddp-*'].map((name) => `/usr/lib/firmware/intel/${name}/*`),
    },
    netronome: { packages: ['firmware-netronome'], excludes: [] },
    cavium: { packages: ['firmware-cavium'], excludes: [] },
    microcode: { packages: ['intel-microcode', 'amd64-microcode'], excludes: [] },
  },
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
  modes: { root: 0o700, 'root/.ssh': 0o700, 'root/.ssh/authorized_keys': 0o600 },
  squashfs: { level: 19, block: '256K' },
  budget: { boot: 45_000_000, root: 200_000_000 },
}
