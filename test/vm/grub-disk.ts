import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const MIB = 2 ** 20
const SECTOR = 512

/** What runs in place of Linux: tells on the serial port what was booted, and resets the machine. */
const PROTECTED_MODE_AT = 0x10_0000

/**
 * A kernel of the x86 boot protocol (Documentation/arch/x86/boot.rst) for the 32-bit entry. It writes a line
 * `KERNEL <name> INITRAMFS <text of the initramfs> CMDLINE <command line>` and resets the machine.
 */
export function tinyKernel(name: string): Buffer {
  const head = Buffer.alloc(2 * SECTOR)
  head.writeUInt8(1, 0x1f1) // setup_sects
  head.writeUInt16LE(0xaa55, 0x1fe)
  head.writeUInt16LE(0x66eb, 0x200)
  head.write('HdrS', 0x202)
  head.writeUInt16LE(0x0206, 0x206)
  head.writeUInt8(1, 0x211) // loadflags: LOADED_HIGH
  head.writeUInt32LE(PROTECTED_MODE_AT, 0x214)
  head.writeUInt32LE(0x37ff_ffff, 0x22c) // initrd_addr_max
  head.writeUInt32LE(2047, 0x238) // cmdline_size
  const code = assemble(name)
  head.writeUInt32LE(Math.ceil(code.length / 16), 0x1f4)
  return Buffer.concat([head, code])
}

function assemble(name: string): Buffer {
  const texts = [`\nKERNEL ${name} INITRAMFS `, ' CMDLINE ', '\n'].map((text) =>
    Buffer.from(`${text}\0`, 'latin1'),
  )
  const u32 = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255]
  // puts: test edi,edi; jz ret; next: mov cl,[edi]; test cl,cl; jz ret; wait for an empty transmitter; out; inc edi
  const puts = [
    ...[0x85, 0xff, 0x74, 0x1b, 0x8a, 0x0f, 0x84, 0xc9, 0x74, 0x15],
    ...[0xba, ...u32(0x3fd), 0xec, 0xa8, 0x20, 0x74, 0xfb],
    ...[0xba, ...u32(0x3f8), 0x88, 0xc8, 0xee, 0x47, 0xeb, 0xe5, 0xc3],
  ]
  const parts = 5
  const start = 5 + 5 + parts * 5 + 3 * 5 + 2 * 6 + 2 * 10
  const at = (index: number) =>
    PROTECTED_MODE_AT +
    start +
    puts.length +
    texts.slice(0, index).reduce((sum, { length }) => sum + length, 0)
  const bytes: number[] = [0xbc, ...u32(0x20_0000)] // mov esp
  const call = () => bytes.push(0xe8, ...u32(start - bytes.length - 5))
  const say = (index: number) => {
    bytes.push(0xbf, ...u32(at(index))) // mov edi, text
    call()
  }
  const sayPointer = (offset: number) => {
    bytes.push(0x8b, 0xbe, ...u32(offset)) // mov edi, [esi + offset]
    call()
  }
  say(0)
  sayPointer(0x218) // ramdisk_image
  say(1)
  sayPointer(0x228) // cmd_line_ptr
  say(2)
  // A reset throws away what the port has not sent yet: wait until its transmitter is empty too.
  bytes.push(0xba, ...u32(0x3fd), 0xec, 0xa8, 0x40, 0x74, 0xfb)
  bytes.push(0xba, ...u32(0xcf9), 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd) // reset control register, hlt
  while (bytes.length < start) bytes.push(0xf4)
  if (bytes.length !== start) throw new Error(`the code has ${bytes.length} bytes, not ${start}`)
  return Buffer.concat([Buffer.from([...bytes, ...puts]), ...texts])
}

/** What goes into a filesystem: paths without a leading slash; a folder is made for each file. */
export type Tree = Readonly<Record<string, string | Uint8Array>>

export type HostFilesystem = 'ext4' | 'xfs' | 'btrfs'

export interface Partition {
  type: 'bios-boot' | 'esp' | 'linux'
  sizeMiB: number
  /** A file with what the partition holds. */
  content?: string
}

function run(program: string, args: readonly string[], input?: string): string {
  const options = input === undefined ? {} : { input }
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...options })
}

export function writeTree(dir: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
}

/** A filesystem in a file, made without mounting it. */
export function makeFilesystem(
  file: string,
  kind: HostFilesystem | 'squashfs',
  tree: Tree,
  { uuid, label, sizeMiB }: { uuid?: string; label?: string; sizeMiB: number },
): void {
  const source = `${file}.tree`
  mkdirSync(source)
  try {
    writeTree(source, tree)
    if (kind === 'squashfs') {
      run('mksquashfs', [source, file, '-comp', 'xz', '-no-progress', '-quiet', '-all-root'])
      return
    }
    writeFileSync(file, '')
    truncateSync(file, sizeMiB * MIB)
    const id = uuid === undefined ? [] : ['-U', uuid]
    const name = label === undefined ? [] : ['-L', label]
    if (kind === 'ext4') {
      run('mke2fs', ['-q', '-F', '-t', 'ext4', ...id, ...name, '-d', source, file])
    } else if (kind === 'btrfs') {
      run('mkfs.btrfs', ['-q', '-f', ...id, ...name, '--rootdir', source, file])
    } else {
      const proto = `${file}.proto`
      writeFileSync(proto, `${prototype(source, tree)}\n`)
      run('mkfs.xfs', [
        '-q',
        '-f',
        ...name,
        ...(uuid === undefined ? [] : ['-m', `uuid=${uuid}`]),
        '-p',
        proto,
        file,
      ])
      rmSync(proto)
    }
  } finally {
    rmSync(source, { recursive: true })
  }
}

/** A prototype file of mkfs.xfs(8). */
function prototype(source: string, tree: Tree): string {
  const lines = ['/', '0 0', 'd--755 0 0']
  const walk = (prefix: string) => {
    const here = Object.keys(tree).filter((path) => path.startsWith(prefix))
    const names = new Set(here.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))
    for (const name of names) {
      if (tree[prefix + name] !== undefined) lines.push(`${name} ---644 0 0 ${join(source, prefix, name)}`)
      else {
        lines.push(`${name} d--755 0 0`)
        walk(`${prefix}${name}/`)
        lines.push('$')
      }
    }
  }
  walk('')
  lines.push('$')
  return lines.join('\n')
}

/** A FAT filesystem in a file, made without mounting it. */
export function makeFat(file: string, label: string, sizeMiB: number): void {
  writeFileSync(file, '')
  truncateSync(file, sizeMiB * MIB)
  run('mkfs.vfat', ['-n', label, file])
}

/** Copies the folder's content onto a FAT filesystem in a file; what is there of the same name is replaced. */
export function copyToFat(file: string, dir: string): void {
  run('sh', ['-c', 'cd "$1" && mcopy -s -o -Q -i "$2" -- * ::/', 'sh', dir, file])
}

export function readFat(file: string, path: string): Buffer {
  return execFileSync('mtype', ['-i', file, `::/${path}`])
}

/** Offset of a partition in bytes: the first starts at one MiB. */
export function partitionOffset(partitions: readonly Partition[], index: number): number {
  return partitions.slice(0, index).reduce((sum, { sizeMiB }) => sum + sizeMiB, 1) * MIB
}

const TYPES = { 'bios-boot': 'EF02', esp: 'EF00', linux: '8300' } as const

/** A GPT disk of these partitions. */
export function makeDisk(file: string, partitions: readonly Partition[]): void {
  writeFileSync(file, '')
  truncateSync(file, partitionOffset(partitions, partitions.length) + MIB)
  const args = partitions.flatMap(({ type, sizeMiB }, index) => [
    `--new=${index + 1}:${partitionOffset(partitions, index) / SECTOR}:+${sizeMiB}M`,
    `--typecode=${index + 1}:${TYPES[type]}`,
  ])
  run('sgdisk', ['--set-alignment=1', ...args, file])
  for (const [index, { content }] of partitions.entries()) {
    if (content !== undefined) copyInto(file, content, partitionOffset(partitions, index))
  }
}

function copyInto(file: string, content: string, offset: number): void {
  run('dd', [
    `if=${content}`,
    `of=${file}`,
    'bs=1M',
    `seek=${offset / MIB}`,
    'conv=notrunc,sparse',
    'status=none',
  ])
}

/** The same partition as a file again. */
export function copyOut(file: string, to: string, partitions: readonly Partition[], index: number): void {
  const count = partitions[index]?.sizeMiB ?? 0
  const skip = partitionOffset(partitions, index) / MIB
  run('dd', [
    `if=${file}`,
    `of=${to}`,
    'bs=1M',
    `skip=${skip}`,
    `count=${count}`,
    'conv=sparse',
    'status=none',
  ])
}

/**
 * Puts GRUB for BIOS on a disk whose first partition is a BIOS boot partition, as grub-bios-setup does (util/setup.c of
 * GRUB 2.06: kernel_sector in boot.img, first block list in diskboot.img).
 */
export function installBiosGrub(
  file: string,
  { modulesDir, prefix, modules }: { modulesDir: string; prefix: string; modules: readonly string[] },
): void {
  const core = `${file}.core`
  const all = ['biosdisk', ...modules]
  run('grub-mkimage', ['-d', modulesDir, '-O', 'i386-pc', '-p', prefix, '-o', core, ...all])
  const image = readFileSync(core)
  rmSync(core)
  const first = MIB / SECTOR
  const boot = readFileSync(join(modulesDir, 'boot.img')).subarray(0, 440)
  boot.writeBigUInt64LE(BigInt(first), 0x5c)
  image.writeBigUInt64LE(BigInt(first + 1), 0x1f4)
  image.writeUInt16LE(Math.ceil(image.length / SECTOR) - 1, 0x1fc)
  const disk = openSync(file, 'r+')
  try {
    writeSync(disk, boot, 0, boot.length, 0)
    writeSync(disk, image, 0, image.length, MIB)
  } finally {
    closeSync(disk)
  }
}

/** GRUB for UEFI as a file for the path of removable media, \EFI\BOOT\BOOTX64.EFI. */
export function makeUefiGrub(
  file: string,
  { modulesDir, prefix, modules }: { modulesDir: string; prefix: string; modules: readonly string[] },
): void {
  run('grub-mkimage', ['-d', modulesDir, '-O', 'x86_64-efi', '-p', prefix, '-o', file, ...modules])
}
