/** The kinds of image, by how their root is found: fetched over HTTP, or a file on a host's disk. */
export type Flavour = 'live' | 'root'

/** How the root becomes a file. */
export type Pack =
  | { kind: 'squashfs'; file: 'rootfs.squashfs'; level: number; block: string }
  | {
      kind: 'ext4'
      file: 'hn-root.img'
      label: string
      /** Features by mke2fs's names, with nothing by default: boot loaders read no others. */
      features: readonly string[]
      /** Bytes that are free in the filesystem. */
      free: number
    }

/** What goes into an image, as data. */
export interface Recipe {
  flavour: Flavour
  /** For people: what the image is. */
  title: string
  /** Debian package among `packages` in whose place --kernel puts another one. */
  kernel: string
  /** Folders, relative to the project, that are copied over the root in this order. */
  overlays: readonly string[]
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
    /** The speediso program is in it. */
    program: boolean
    /** File of the initramfs -> file of the root that it must be, byte for byte: dracut may hold another of that name. */
    same: Readonly<Record<string, string>>
  }
  /** Programs that must start in the finished root; a tool whose library was excluded fails the build here. */
  mustRun: readonly (readonly string[])[]
  /** Paths (glob) that are emptied or removed: what belongs to one machine or to the build. */
  strip: readonly string[]
  /** Folders that have to be there although they are empty. */
  folders: readonly string[]
  /** Modes that a version control checkout does not keep. */
  modes: Readonly<Record<string, number>>
  /** What /etc/motd says below the title. */
  motd: string
  pack: Pack
  /** Bytes. */
  budget: { boot: number; root: number }
}
