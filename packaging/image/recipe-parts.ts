import type { Recipe } from './recipe.ts'

/** Words of a text, as lists of names are easiest to read and change. */
export const words = (text: string): string[] => text.trim().split(/\s+/)

/** Sets for --firmware that every flavour knows. */
export const FIRMWARE: Recipe['firmware'] = {
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
}

/** Parts of the kernel for hardware and protocols that servers do not have. */
export const NOT_FOR_SERVERS: readonly string[] = [
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
  ...words('drivers/platform/chrome drivers/platform/surface drivers/block/floppy'),
]
