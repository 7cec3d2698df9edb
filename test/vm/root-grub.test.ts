import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { run } from '../../src/cli/root/install-loader.ts'
import { renderChooser, renderSum, SLOTS, type Slot, slotFiles } from '../../src/root/loader/chooser.ts'
import { formatEnvBlock } from '../../src/root/loader/env-block.ts'
import {
  CONFIG_DEFAULTS,
  GRUB_MODULES,
  type GrubConfig,
  renderGrubConfig,
} from '../../src/root/loader/grub-cfg.ts'
import { DEFAULT_ARGUMENTS } from '../../src/root/loader/kernel-arguments.ts'
import { chooseBoot, type LoaderChoice, type LoaderImage } from '../../src/root/loader/table.ts'
import { formatTrialEnv, parseTrialEnv, type TrialEnv } from '../../src/root/loader/trial-env.ts'
import { readTrial, writeTrial } from '../../src/root/loader/trial-store.ts'
import { createExec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import {
  copyOut,
  copyToFat,
  installBiosGrub,
  makeDisk,
  makeFat,
  makeFilesystem,
  makeUefiGrub,
  type Partition,
  partitionOffset,
  readFat,
  type Tree,
  tinyKernel,
  writeTree,
} from './grub-disk.ts'
import { currentImageDir, harnessDeps, type MachineSpec, startMachine } from './harness/index.ts'

/** Real GRUB on a disk of its own. Instead of Linux it starts a kernel that tells what was booted and resets the machine. */

/** Modules of another GRUB can be tried with GRUB_LIB=/other/usr/lib/grub. */
const GRUB_LIB = process.env.GRUB_LIB ?? '/usr/lib/grub'
const SECOND = 1000
const deps = harnessDeps()
const dir = temporaryDir()

const HOSTS = {
  ext4: { uuid: '11111111-2222-4333-8444-555555555555', label: 'hostpart', sizeMiB: 40 },
  xfs: { uuid: '21111111-2222-4333-8444-555555555555', label: 'other', sizeMiB: 320 },
  btrfs: { uuid: '31111111-2222-4333-8444-555555555555', label: 'other', sizeMiB: 128 },
} as const
type Host = keyof typeof HOSTS
const FS_UUID = 'aaaaaaaa-2222-4333-8444-555555555555'

/** What an image tells when it is booted, and what GRUB finds in it. */
interface Image extends LoaderImage {
  append?: string
}

const ID = 'c0ffee00-0000-4000-8000-000000000001'
const IMAGES: Readonly<Record<string, Image>> = {
  good: { id: ID, loads: true, append: 'quiet image=1' },
  'no-env': { id: FS_UUID, loads: true },
  'bad-env': { id: FS_UUID, loads: true },
  'bad-id': { id: FS_UUID, loads: true },
  squashfs: { id: ID, loads: true, append: 'squash=1' },
  'squashfs-no-env': { id: '', loads: true },
  'no-kernel': { id: ID, loads: false },
  'no-initramfs': { id: ID, loads: false },
  'no-kernel-at-all': { id: ID, loads: false },
  truncated: { id: '', loads: false },
  garbage: { id: '', loads: false },
  empty: { id: '', loads: false },
}

function boot(name: string): Tree {
  return { 'boot/kernel': tinyKernel(name), 'boot/initramfs': `ram-${name}\0`.padEnd(3000, 'x') }
}

function makeImages(): Tree {
  const env = (append: string, image = ID) =>
    formatEnvBlock([
      ['image', image],
      ['version', '1'],
      ['append', append],
    ])
  const trees: Readonly<Record<string, Tree>> = {
    good: { ...boot('good'), 'boot/speediso.env': env('quiet image=1') },
    'no-env': boot('no-env'),
    'bad-env': { ...boot('bad-env'), 'boot/speediso.env': 'image=x\n' },
    'bad-id': { ...boot('bad-id'), 'boot/speediso.env': env('', '-o') },
    squashfs: { ...boot('squashfs'), 'boot/speediso.env': env('squash=1') },
    'squashfs-no-env': boot('squashfs-no-env'),
    'no-kernel': { 'boot/initramfs': 'ram', 'boot/speediso.env': env('') },
    'no-initramfs': { 'boot/kernel': tinyKernel('half'), 'boot/speediso.env': env('') },
    'no-kernel-at-all': { ...boot('x'), 'boot/kernel': 'no kernel', 'boot/speediso.env': env('') },
    truncated: { ...boot('truncated'), 'boot/speediso.env': env('') },
  }
  const files: Record<string, Uint8Array> = {
    'garbage.img': Buffer.alloc(65_536, 'garbage'),
    'empty.img': Buffer.alloc(0),
  }
  for (const [name, tree] of Object.entries(trees)) {
    const file = join(dir, `${name}.img`)
    makeFilesystem(file, name.startsWith('squashfs') ? 'squashfs' : 'ext4', tree, {
      uuid: FS_UUID,
      sizeMiB: 1,
    })
    // Its superblock is there, and little else.
    if (name === 'truncated') truncateSync(file, 4096)
    files[`${name}.img`] = readFileSync(file)
    rmSync(file)
  }
  return files
}

/** One boot: what lies there, and what GRUB is to make of it. */
interface Case {
  what: string
  current: string
  old: string
  rescue: boolean
  copies: readonly [Uint8Array | undefined, Uint8Array | undefined]
  host?: Host
  /** GRUB is told of another UUID, and has to find hostpart by its label. */
  byLabel?: boolean
  /** GRUB cannot write its copies. */
  unsaved?: boolean
  /** So often. */
  boots?: number
}

const env = (seq: number, image?: string, tries = 0): Buffer =>
  formatTrialEnv({ seq, ...(image === undefined ? {} : { trial: { image, tries } }) })
const both = (bytes: Buffer) => [bytes, bytes] as const

/** Every state of the trial and of the images, and for those in which it matters also of the rest. */
function* everyState(): Iterable<Case> {
  const trials = {
    none: env(1),
    other: env(2, 'other', 0),
    running: env(3, ID, 3),
    last: env(4, ID, 1),
    spent: env(5, ID, 0),
  }
  for (const [trial, bytes] of Object.entries(trials)) {
    for (const current of ['good', 'no-kernel', 'missing']) {
      for (const old of ['no-env', 'missing']) {
        for (const rescue of [true, false]) {
          const boots = current === 'good' && trial !== 'spent'
          if (boots ? rescue !== (old === 'no-env') : trial === 'other' || trial === 'last') continue
          const what = `${trial}, current ${current}, old ${old}, ${rescue ? 'with' : 'without'} rescue`
          yield { what, current, old, rescue, copies: both(bytes) }
        }
      }
    }
  }
}

/** A valid copy with one thing changed. */
function edited(from: string, to: string): Buffer {
  const text = env(7, ID, 3).toString('latin1')
  assert.ok(text.includes(from))
  return Buffer.from(text.replace(from, to), 'latin1')
}

/** What becomes of copies when the power goes, or a disk forgets. */
function* everyCopy(): Iterable<Case> {
  const good = env(7, ID, 3)
  const garbage = Buffer.alloc(1024, 0xf6)
  const pairs: Record<string, Case['copies']> = {
    'first garbage': [garbage, good],
    'second garbage': [good, garbage],
    'both garbage': [garbage, garbage],
    'first missing': [undefined, good],
    'second missing': [good, undefined],
    'both missing': [undefined, undefined],
    'first empty': [Buffer.alloc(0), good],
    'first zeros': [Buffer.alloc(1024), good],
    'second sector lost': [Buffer.concat([good.subarray(0, 512), Buffer.alloc(512)]), env(6, ID, 0)],
    'second is newer': [env(6, ID, 2), env(7)],
    'first is newer': [env(10), env(9, ID, 1)],
    'first has fewer tries': [env(7, ID, 1), good],
    'second has fewer tries': [good, env(7, ID, 1)],
    'second has none left': [good, env(7, ID, 0)],
    'first has no end': [edited('end=1', 'end=0'), env(6, ID, 0)],
    'text is cut off': [edited('=3\nend=1\n', '##########'), env(6, ID, 0)],
    'seq is no number': [edited('seq=7', 'seq=x'), env(6, ID, 0)],
    'seq is octal': [edited('seq=7', 'seq=07'), env(6, ID, 0)],
    'seq is too long': [edited('seq=7', 'seq=1234567890'), env(6, ID, 0)],
    'longest seq': [env(999_999_999, ID, 9), env(1, ID, 0)],
    'tries are no digit': [edited('tries=3', 'tries=10'), env(6, ID, 0)],
    'tries are missing': [edited('tries=3', 'tries='), env(6, ID, 0)],
    'image is no id': [edited(ID, '-f'), env(6, ID, 0)],
    'damage in front': [edited('seq=7', 'junk\0\\\nseq=7'), env(6, ID, 0)],
    'a comment in front': [edited('seq=7', '# seq=9\nseq=7'), env(6, ID, 0)],
  }
  for (const [what, copies] of Object.entries(pairs)) {
    yield { what, current: 'good', old: 'no-env', rescue: true, copies }
  }
}

function* everyImage(): Iterable<Case> {
  const running = (image: string) => both(env(8, IMAGES[image]?.id || ID, 2))
  for (const current of Object.keys(IMAGES)) {
    yield { what: `current ${current}`, current, old: 'good', rescue: true, copies: running(current) }
  }
  for (const old of ['squashfs', 'squashfs-no-env', 'bad-env', 'no-initramfs', 'truncated']) {
    yield { what: `old ${old}`, current: 'missing', old, rescue: true, copies: both(env(8)) }
  }
  for (const host of ['xfs', 'btrfs'] as const) {
    yield { what: host, host, current: 'good', old: 'no-env', rescue: true, copies: running('good') }
    yield {
      what: `${host}, fallback`,
      host,
      current: 'missing',
      old: 'squashfs',
      rescue: true,
      copies: running('good'),
    }
  }
  yield {
    what: 'by label',
    byLabel: true,
    current: 'good',
    old: 'no-env',
    rescue: true,
    copies: running('good'),
  }
}

function* more(): Iterable<Case> {
  // One byte after the padding: GRUB reads such a block and refuses to write into it.
  const stuck = env(8, ID, 2)
  stuck[1023] = 0x78
  yield { what: 'unsaved', unsaved: true, current: 'good', old: 'no-env', rescue: true, copies: both(stuck) }
  yield { what: 'half saved', current: 'good', old: 'no-env', rescue: true, copies: [stuck, env(8, ID, 2)] }
  yield {
    what: 'a whole trial of nine boots',
    boots: 11,
    current: 'good',
    old: 'no-env',
    rescue: true,
    copies: both(env(8, ID, 9)),
  }
}

const folderOf = (index: number) => `/${index}`

function configOf(each: Case, index: number): GrubConfig {
  const { uuid, label } = HOSTS[each.host ?? 'ext4']
  return {
    ...CONFIG_DEFAULTS,
    timeout: 0,
    pause: 0,
    hostpart: { uuid: each.byLabel ? uuid.replace('1', '9') : uuid, label },
    names: { current: `images/${each.current}.img`, old: `images/${each.old}.img` },
    append: [`case=${index}`],
    folder: folderOf(index),
  }
}

/** The line that the kernel writes; undefined when nothing is to be booted. */
function expected(each: Case, index: number, choice: LoaderChoice, loader: string): string | undefined {
  const { boots, fallback, tries } = choice
  if (boots === 'nothing') return undefined
  const told = [
    tries === undefined ? '' : `speediso.tries=${each.unsaved ? 'unsaved' : tries}`,
    fallback === undefined ? '' : `speediso.fallback=${fallback}`,
    `speediso.loader=UUID=${loader}`,
    ...DEFAULT_ARGUMENTS,
  ]
  const name = boots === 'rescue' ? 'rescue' : each[boots]
  const image = IMAGES[name]
  const { uuid } = HOSTS[each.host ?? 'ext4']
  const own =
    boots === 'rescue'
      ? ['SPEEDISO=rescue', 'speediso.booted=rescue', ...told]
      : [
          `real_root=/images/${each.current}.img`,
          `raw_loop_root_host_partition=UUID=${uuid}`,
          `speediso.booted=${boots}`,
          image?.id ? `speediso.image=${image.id}` : '',
          ...told,
          'speediso.append=image',
          image?.append ?? '',
          'speediso.append=host',
        ]
  const words = [...own, `case=${index}`].filter((word) => word !== '').join(' ')
  return `KERNEL ${name} INITRAMFS ram-${name} CMDLINE ${words}`
}

interface GrubDisk {
  file: string
  partitions: readonly Partition[]
  /** As GRUB tells the UUID of a FAT filesystem. */
  loader: string
}

let hosts: Readonly<Record<Host, string>> | undefined

function hostFiles(): Readonly<Record<Host, string>> {
  if (hosts !== undefined) return hosts
  const images = makeImages()
  const tree = Object.fromEntries(Object.entries(images).map(([name, bytes]) => [`images/${name}`, bytes]))
  const make = (kind: Host) => {
    const file = join(dir, `host-${kind}`)
    makeFilesystem(file, kind, tree, HOSTS[kind])
    return file
  }
  hosts = { ext4: make('ext4'), xfs: make('xfs'), btrfs: make('btrfs') }
  return hosts
}

const ESP_MIB = 48

function grubDisk(name: string, tree: Tree, uefi = false, host?: string): GrubDisk {
  const esp = join(dir, `${name}.esp`)
  const source = join(dir, `${name}.tree`)
  makeFat(esp, 'EFI-BOOT', ESP_MIB)
  writeTree(source, tree)
  const grub = { prefix: '(hd0,gpt2)/grub', modules: GRUB_MODULES }
  if (uefi) {
    mkdirSync(join(source, 'EFI/BOOT'), { recursive: true })
    makeUefiGrub(join(source, 'EFI/BOOT/BOOTX64.EFI'), { ...grub, modulesDir: join(GRUB_LIB, 'x86_64-efi') })
  }
  copyToFat(esp, source)
  rmSync(source, { recursive: true })
  const files = host === undefined ? hostFiles() : { ext4: host }
  const partitions: Partition[] = [
    { type: 'bios-boot', sizeMiB: 1 },
    { type: 'esp', sizeMiB: ESP_MIB, content: esp },
    ...Object.entries(files).map(
      ([kind, content]) => ({ type: 'linux', sizeMiB: HOSTS[kind as Host].sizeMiB, content }) as const,
    ),
  ]
  const file = join(dir, `${name}.disk`)
  makeDisk(file, partitions)
  rmSync(esp)
  if (!uefi) installBiosGrub(file, { ...grub, modulesDir: join(GRUB_LIB, 'i386-pc') })
  // Volume serial number of FAT12 and FAT16 (Microsoft FAT specification 1.03, 3.2).
  const serial = readFileSync(file).readUInt32LE((2 + 0) * 2 ** 20 + 39)
  const hex = serial.toString(16).toUpperCase().padStart(8, '0')
  return { file, partitions, loader: `${hex.slice(0, 4)}-${hex.slice(4)}` }
}

function spec(name: string, disk: GrubDisk, more: Partial<MachineSpec> = {}): MachineSpec {
  return {
    name,
    firmware: 'bios',
    memoryMiB: 128,
    cpus: 1,
    acceleration: 'tcg',
    networkCards: [],
    boot: { kind: 'disk' },
    reboot: 'allow',
    limit: 240 * SECOND,
    disks: [{ kind: 'virtio', serial: 'GRUB', sizeMiB: 1, file: disk.file }],
    ...more,
  }
}

const TOLD = /^KERNEL \S+ INITRAMFS /

/** Without what GRUB puts in front of every command line. */
const cleaned = (line: string) => line.trim().replace(/BOOT_IMAGE=\S+ /, '')

/** A folder of the boot partition that GRUB is sent into, as if it were a boot partition of its own. */
interface Station {
  tree: Tree
  /** What GRUB reads there. */
  start: 'grub/grub.cfg' | 'grub/case.cfg'
  boots: number
}

interface Journey {
  loader: string
  lines: string[]
  /** A file as it is afterwards. */
  read(path: string): Buffer
}

/** Boots from one folder after the other, so often as each says, and collects what the kernels tell. */
async function visit(
  name: string,
  stations: readonly Station[],
  options: { uefi?: boolean; host?: string; told?: RegExp; more?: Partial<MachineSpec> } = {},
): Promise<Journey> {
  const order = stations.flatMap(({ boots }, index) => Array.from({ length: boots }, () => index))
  // Which one it is, is kept apart from what GRUB counts. No elif: GRUB gives up at a hundred of them.
  const driver = [
    'load_env --file ($root)/grub/case.env n',
    'set config=',
    ...order.flatMap((index, n) => [
      `if [ "$n" = ${n} ]; then`,
      `  set next=${n + 1}`,
      `  set config=($root)${folderOf(index)}/${stations[index]?.start}`,
      `  set prefix=($root)${folderOf(index)}/grub`,
      'fi',
    ]),
    'if [ -z "$config" ]; then linux ($root)/done console=ttyS0; initrd ($root)/done.ram; boot; fi',
    'set n=$next',
    'save_env --file ($root)/grub/case.env n',
    'source $config',
    '',
  ].join('\n')
  const tree: Record<string, string | Uint8Array> = {
    'grub/grub.cfg': driver,
    'grub/case.env': formatEnvBlock([['n', '0']]),
    done: options.uefi ? readFileSync(kernelFile()) : tinyKernel('done'),
    'done.ram': 'ram\0',
  }
  for (const [index, station] of stations.entries()) {
    for (const [path, content] of Object.entries(station.tree)) tree[`${index}/${path}`] = content
  }
  const disk = grubDisk(name, tree, options.uefi, options.host)
  const pattern = options.told ?? TOLD
  let lines: string[] = []
  {
    await using machine = await startMachine(spec(name, disk, options.more), deps)
    await machine.serial.waitFor(/KERNEL done|Command line: BOOT_IMAGE=\S+done/)
    lines = machine.serial.lines.filter((line) => pattern.test(line)).map(cleaned)
    await machine.stop()
  }
  const esp = join(dir, `${name}.after`)
  copyOut(disk.file, esp, disk.partitions, 1)
  rmSync(disk.file)
  return { loader: disk.loader, lines, read: (path) => readFat(esp, path) }
}

function stationOf(each: Case, index: number): Station {
  const tree: Record<string, string | Uint8Array> = {
    'grub/case.cfg': renderGrubConfig(configOf(each, index)),
  }
  for (const [copy, bytes] of each.copies.entries()) {
    if (bytes !== undefined) tree[`grub/speediso-${copy + 1}.env`] = bytes
  }
  return { tree: { ...tree, ...(each.rescue ? RESCUE : {}) }, start: 'grub/case.cfg', boots: each.boots ?? 1 }
}

const RESCUE: Tree = { 'rescue/kernel': tinyKernel('rescue'), 'rescue/initramfs': 'ram-rescue\0' }

const image = (name: string): Image | undefined => IMAGES[name]

/** What chooseBoot says of these copies, boot after boot. */
function foretell(
  each: Case,
  choose: typeof chooseBoot,
): { choices: LoaderChoice[]; copies: (TrialEnv | undefined)[] } {
  let copies = each.copies.map((bytes) => (bytes === undefined ? undefined : parseTrialEnv(bytes)))
  const choices: LoaderChoice[] = []
  for (let n = 0; n < (each.boots ?? 1); n += 1) {
    const current = image(each.current)
    const old = image(each.old)
    const choice = choose({
      copies: [copies[0], copies[1]],
      ...(current === undefined ? {} : { current }),
      ...(old === undefined ? {} : { old }),
      rescue: each.rescue,
    })
    choices.push(choice)
    if (choice.saves !== undefined) copies = copies.map((_, index) => choice.saves?.[index])
  }
  return { choices, copies }
}

/** GRUB writes only into what begins as an environment block and ends as one. */
const writable = (bytes: Uint8Array | undefined) =>
  bytes !== undefined &&
  Buffer.from(bytes).toString('latin1').startsWith('# GRUB Env') &&
  [0x23, 0x0a].includes(bytes.at(-1) ?? 0)

/** What GRUB has done otherwise than this says. */
function differences(cases: readonly Case[], journey: Journey, choose: typeof chooseBoot): string[] {
  const { loader, lines, read } = journey
  return cases.flatMap((each, index) => {
    const wrong: string[] = []
    const found = lines.filter((line) => line.endsWith(` case=${index}`))
    const foretold = foretell(each, choose)
    const want = foretold.choices
      .map((choice) => expected(each, index, choice, loader))
      .filter((line) => line !== undefined)
    if (JSON.stringify(found) !== JSON.stringify(want)) {
      wrong.push(`${each.what}\n  found ${found.join('\n        ')}\n  want  ${want.join('\n        ')}`)
    }
    const counted = foretold.choices.some(({ saves }) => saves !== undefined)
    for (const [copy, before] of each.copies.entries()) {
      if (before === undefined) continue
      const after = read(`${index}/grub/speediso-${copy + 1}.env`)
      const right =
        counted && writable(before)
          ? JSON.stringify(parseTrialEnv(after)) === JSON.stringify(foretold.copies[copy])
          : Buffer.compare(after, before) === 0
      const text = JSON.stringify(after.toString('latin1').replace(/#+$/, ''))
      if (!right) wrong.push(`${each.what}: copy ${copy + 1} is now ${text}`)
    }
    return wrong
  })
}

/** chooseBoot with a fault each: the cases have to tell it from GRUB. */
const FAULTS: Record<string, typeof chooseBoot> = {
  'looks at the first copy only': (view) => chooseBoot({ ...view, copies: [view.copies[0], undefined] }),
  'looks at the second copy only': (view) => chooseBoot({ ...view, copies: [undefined, view.copies[1]] }),
  'sees no rescue system': (view) => chooseBoot({ ...view, rescue: false }),
  'sees no old image': ({ old, ...view }) => chooseBoot(view),
  'takes every image for readable': (view) =>
    chooseBoot(view.current === undefined ? view : { ...view, current: { ...view.current, loads: true } }),
  'has nothing on trial': (view) => chooseBoot({ ...view, copies: [undefined, undefined] }),
  'does not save': (view) => ({ ...chooseBoot(view), saves: undefined }),
  'saves the first copy only': (view) => {
    const choice = chooseBoot(view)
    const [, before] = view.copies
    return choice.saves === undefined || before === undefined
      ? choice
      : { ...choice, saves: [choice.saves[0], before] }
  },
}

test('GRUB boots what chooseBoot says, and writes what it says', async () => {
  const cases = [...everyState(), ...everyCopy(), ...everyImage(), ...more()]
  const journey = await visit('grub-cases', cases.map(stationOf))
  assert.equal(differences(cases, journey, chooseBoot), [])
  for (const [fault, choose] of Object.entries(FAULTS)) {
    assert.ok(differences(cases, journey, choose).length > 0, fault)
  }
  const outcomes = new Set(
    cases.flatMap((each) =>
      foretell(each, chooseBoot).choices.map(({ boots, fallback }) => `${boots} ${fallback}`),
    ),
  )
  assert.is(outcomes.size, 7, [...outcomes].join(', '))
})

test('of two configurations GRUB takes the first that is whole; without one the rescue system', async () => {
  const folders: Record<
    string,
    { take: string; change: (tree: Record<string, string | Uint8Array>) => void }
  > = {
    'both whole': { take: 'a', change: () => {} },
    'first cut off': { take: 'b', change: (tree) => cut(tree, 'a') },
    'first without its sum': { take: 'b', change: (tree) => delete tree['grub/speediso-a.sum'] },
    'first with a wrong sum': {
      take: 'b',
      change: (tree) => {
        tree['grub/speediso-a.sum'] = renderSum('other', 'a')
      },
    },
    'first missing': { take: 'b', change: (tree) => delete tree['grub/speediso-a.cfg'] },
    'second cut off': { take: 'a', change: (tree) => cut(tree, 'b') },
    'both cut off': {
      take: 'rescue',
      change: (tree) => {
        cut(tree, 'a')
        cut(tree, 'b')
      },
    },
  }
  const cut = (tree: Record<string, string | Uint8Array>, slot: Slot) => {
    const name = slotFiles(slot).config
    tree[name] = String(tree[name]).slice(0, 4096)
  }
  const stations = Object.values(folders).map(({ change }, index): Station => {
    const tree: Record<string, string | Uint8Array> = {
      ...RESCUE,
      'grub/grub.cfg': renderChooser(folderOf(index)),
    }
    for (const slot of SLOTS) {
      const config = renderGrubConfig({ ...plainConfig(index), append: [`slot=${slot}`] })
      tree[slotFiles(slot).config] = config
      tree[slotFiles(slot).sum] = renderSum(config, slot)
    }
    change(tree)
    return { tree, start: 'grub/grub.cfg', boots: 1 }
  })
  const { lines } = await visit('grub-slots', stations)
  const took = lines.slice(0, -1).map((line) => (/ slot=(\w)/.exec(line) ?? /KERNEL (\w+)/.exec(line))?.[1])
  assert.equal(
    took,
    Object.values(folders).map(({ take }) => take),
    Object.keys(folders).join(', '),
  )
})

function plainConfig(index: number): GrubConfig {
  const each: Case = {
    what: '',
    current: 'good',
    old: 'no-env',
    rescue: true,
    copies: [undefined, undefined],
  }
  return configOf(each, index)
}

test('with nobody there the countdown ends in a boot; with Esc a person chooses from the menu', async () => {
  const config = renderGrubConfig({ ...plainConfig(0), timeout: 2, folder: '', append: [] })
  const disk = grubDisk('grub-menu', {
    'grub/grub.cfg': renderChooser(),
    [slotFiles('a').config]: config,
    [slotFiles('a').sum]: renderSum(config, 'a'),
    'grub/speediso-1.env': env(4, ID, 3),
    'grub/speediso-2.env': env(4, ID, 3),
  })
  await using machine = await startMachine(spec('grub-menu', disk), deps)
  assert.match(
    await machine.serial.waitFor(TOLD),
    /KERNEL good .*speediso\.booted=current .*speediso\.tries=2 /,
  )
  const since = machine.serial.length
  await machine.serial.waitFor('GRUB loading', { since, unfinished: true })
  const stop = new AbortController()
  const press = async () => {
    while (!stop.signal.aborted) {
      machine.serial.write('\x1b')
      await sleep(300)
    }
  }
  const pressing = press()
  await machine.serial.waitFor('previous image', { since, unfinished: true })
  stop.abort()
  await pressing
  await sleep(500)
  machine.serial.write('\x1b[B')
  await sleep(500)
  machine.serial.write('\r')
  const line = await machine.serial.waitFor(TOLD, { since })
  assert.match(line, /KERNEL no-env .*speediso\.booted=old /)
  assert.not.match(line, /speediso\.(tries|fallback)=/)
  await machine.stop()
  // A person's choice takes nothing from the trial.
  const esp = join(dir, 'menu.after')
  copyOut(disk.file, esp, disk.partitions, 1)
  assert.equal(parseTrialEnv(readFat(esp, 'grub/speediso-1.env'))?.trial?.tries, 2)
  rmSync(disk.file)
})

const kernelFile = () => join(currentImageDir(), 'vmlinuz')

test('under UEFI a real kernel gets its command line, also the second one that was loaded', async () => {
  const kernel = readFileSync(kernelFile())
  const ram = Buffer.from('ram\0')
  const makeImage = (name: string, tree: Tree) => {
    const file = join(dir, `${name}.uefi`)
    const uuid = name === 'half' ? HALF : FS_UUID
    makeFilesystem(file, 'ext4', tree, { uuid, sizeMiB: 16 })
    return readFileSync(file)
  }
  const HALF = 'bbbbbbbb-2222-4333-8444-555555555555'
  const host = join(dir, 'host-uefi')
  makeFilesystem(
    host,
    'ext4',
    {
      'images/whole.img': makeImage('whole', { 'boot/kernel': kernel, 'boot/initramfs': ram }),
      // Its kernel is loaded before it turns out that there is no initramfs.
      'images/half.img': makeImage('half', { 'boot/kernel': kernel }),
    },
    HOSTS.ext4,
  )
  const station = (index: number, current: string, id: string): Station => ({
    tree: {
      'grub/case.cfg': renderGrubConfig({
        ...plainConfig(index),
        names: { current: `images/${current}.img`, old: 'images/whole.img' },
        append: ['console=ttyS0', 'panic=-1', `case=${index}`],
      }),
      'grub/speediso-1.env': env(4, id, 3),
      'grub/speediso-2.env': env(4, id, 3),
    },
    start: 'grub/case.cfg',
    boots: 1,
  })
  const { lines, read } = await visit('grub-uefi', [station(0, 'whole', FS_UUID), station(1, 'half', HALF)], {
    uefi: true,
    host,
    told: /\] Command line: /,
    more: { firmware: 'uefi', memoryMiB: 512 },
  })
  assert.match(lines[0] ?? '', / speediso\.booted=current speediso\.image=aaaaaaaa-\S+ speediso\.tries=2 /)
  assert.match(
    lines[1] ?? '',
    / speediso\.booted=old speediso\.image=aaaaaaaa-\S+ speediso\.fallback=unreadable /,
  )
  assert.equal(
    [0, 1].map((index) => parseTrialEnv(read(`${index}/grub/speediso-2.env`))?.trial?.tries),
    [2, 3],
  )
})

/** A loop device over a part of a file, for as long as the scope lasts. */
function loop(file: string, part: readonly string[] = []): { path: string } & Disposable {
  const path = execFileSync('losetup', ['--find', '--show', ...part, file], { encoding: 'utf8' }).trim()
  return { path, [Symbol.dispose]: () => void execFileSync('losetup', ['--detach', path]) }
}

test('what install-loader puts on a disk boots, and doing it again leaves a trial alone', async () => {
  const disk: GrubDisk = { file: join(dir, 'installed.disk'), loader: '', partitions: [] }
  const esp = join(dir, 'installed.esp')
  const mountPoint = join(dir, 'installed.mnt')
  mkdirSync(mountPoint)
  // FAT needs a module of this machine's kernel; under BIOS GRUB takes ext2 as well.
  makeFilesystem(esp, 'ext4', {}, { label: 'EFI-BOOT', sizeMiB: ESP_MIB })
  const partitions: Partition[] = [
    { type: 'bios-boot', sizeMiB: 1 },
    { type: 'esp', sizeMiB: ESP_MIB, content: esp },
    { type: 'linux', sizeMiB: HOSTS.ext4.sizeMiB, content: hostFiles().ext4 },
  ]
  makeDisk(disk.file, partitions)
  const offset = partitionOffset(partitions, 1)
  const install = async (append: string, before: () => Promise<unknown> = async () => {}) => {
    using whole = loop(disk.file)
    using part = loop(disk.file, [`--offset=${offset}`, `--sizelimit=${ESP_MIB * 2 ** 20}`])
    execFileSync('mount', [part.path, mountPoint])
    try {
      await before()
      const flags = {
        esp: mountPoint,
        hostpartUuid: HOSTS.ext4.uuid,
        realRoot: '/images/good.img',
        disk: whole.path,
        append,
        console: undefined,
        timeout: '0',
        target: 'i386-pc',
        rescueKernel: undefined,
        rescueInitramfs: undefined,
        plan: false,
        json: false,
      }
      const signal = new AbortController().signal
      const quiet = new PassThrough().resume()
      const ctx = { stdout: quiet, stderr: quiet, exec: createExec(), root: createMachineRoot(), signal }
      assert.is(await run(flags, ctx as unknown as CliContext), null)
      return await readTrial(mountPoint)
    } finally {
      execFileSync('umount', [mountPoint])
    }
  }
  const bootOnce = async () => {
    await using machine = await startMachine(spec('grub-installed', disk), deps)
    const line = await machine.serial.waitFor(TOLD)
    await machine.stop()
    return line
  }
  assert.equal(await install('first=1'), { seq: 1 })
  assert.match(await bootOnce(), /KERNEL good INITRAMFS ram-good .* speediso\.booted=current .* first=1$/)
  const trial = { image: ID, tries: 2 }
  const again = await install('second=1', () => writeTrial(mountPoint, trial))
  assert.equal(again, { seq: 2, trial })
  assert.match(await bootOnce(), / speediso\.tries=1 .* second=1$/)
  rmSync(disk.file)
})

test.run()
