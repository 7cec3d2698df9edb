import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { renderChooser, renderSum, SLOTS, type Slot, slotFiles } from '../../src/root/loader/chooser.ts'
import {
  type ConfigStep,
  doConfigStep,
  FOREIGN_CONFIG,
  isWhole,
  planConfigs,
  writeChooser,
  writeConfigs,
} from '../../src/root/loader/config-store.ts'
import {
  CONFIG_DEFAULTS,
  GRUB_MODULES,
  type GrubConfig,
  renderGrubConfig,
} from '../../src/root/loader/grub-cfg.ts'
import { DEFAULT_ARGUMENTS, parseConsoles, splitArguments } from '../../src/root/loader/kernel-arguments.ts'
import { BOOT_ROWS } from '../../src/root/loader/table.ts'
import { imageNames } from '../../src/root/names.ts'
import { temporaryDir } from './helpers/temporary.ts'

const base = temporaryDir()
let made = 0

function freshDir(): string {
  made += 1
  const dir = join(base, String(made))
  mkdirSync(dir)
  return dir
}

const render = (more: Partial<GrubConfig> = {}) =>
  renderGrubConfig({
    ...CONFIG_DEFAULTS,
    hostpart: { uuid: '1234-ABCD', label: 'hostpart' },
    names: imageNames(),
    ...more,
  })

test('the script tries the rows of the table in their order', () => {
  const script = render()
  const body = script.slice(script.indexOf('function speediso_boot {'), script.indexOf('menuentry'))
  const loads = [...body.matchAll(/for speediso_when in ([a-z ]+); do.*?speediso_load_(\w+)/gs)].map(
    ([, trial, boots]) => ({ trial: trial?.split(' '), boots }),
  )
  assert.equal(
    loads,
    BOOT_ROWS.map(({ trial, boots }) => ({ trial: [...trial], boots })),
  )
})

test('hostpart, names, consoles, arguments and the countdown stand in the script', () => {
  const script = render({
    names: imageNames('/sub/x.img'),
    timeout: 0,
    consoles: parseConsoles('tty0 ttyS1,115200n8'),
    append: ['nomodeset', 'a=b;c'],
  })
  for (const line of [
    'search --no-floppy --fs-uuid --set=speediso_host 1234-ABCD',
    'search --no-floppy --label --set=speediso_host hostpart',
    'set timeout=0',
    'if serial --unit=1 --speed=115200 --word=8 --parity=no --stop=1; then',
  ]) {
    assert.ok(
      script.split('\n').some((each) => each.trim() === line),
      line,
    )
  }
  // GRUB counts down from 3 in place of 0 where a serial line is an input.
  assert.not.match(script, 'countdown')
  assert.match(render({ timeout: 2 }), 'set timeout_style=countdown\nset timeout=2\n')
  const [linux = ''] = script.split('\n').filter((line) => line.includes('linux (current)/boot/kernel'))
  assert.ok(linux.includes(' real_root=/sub/x.img '))
  assert.ok(
    linux.includes(
      ` ${DEFAULT_ARGUMENTS.join(' ')} speediso.append=image $append speediso.append=host console=tty0 console=ttyS1,115200n8 nomodeset 'a=b;c'; then`,
    ),
    linux,
  )
  assert.ok(script.includes('loopback old "($speediso_host)/sub/x-old.img"'))
  assert.not.match(render(), /serial --unit/)
})

test('what follows the body is the proof that all of it was read', () => {
  assert.ok(render().endsWith('}\n\nset speediso_whole=1\n'))
})

test('every command of the script has its module', () => {
  const words = new Set(
    render({ consoles: parseConsoles('ttyS0') })
      .match(/^\s*(?:if |elif )?[a-z_]+/gm)
      ?.map((line) => line.trim().replace(/^(if|elif) /, '')),
  )
  const module: Record<string, string> = {
    chainloader: 'chain',
    initrd: 'linux',
    linux: 'linux',
    load_env: 'loadenv',
    save_env: 'loadenv',
    menuentry: 'normal',
    probe: 'probe',
    reboot: 'reboot',
    regexp: 'regexp',
    search: 'search',
    serial: 'serial',
    sleep: 'sleep',
    terminal_input: 'terminal',
    terminal_output: 'terminal',
    loopback: 'loopback',
    boot: 'boot',
    echo: 'echo',
  }
  const syntax = /^(if|elif|set|insmod|function|for|done|else|fi|speediso_\w+)$/
  const unknown = [...words].filter((word) => !syntax.test(word) && module[word] === undefined)
  assert.equal(unknown, [])
  for (const name of Object.values(module)) assert.ok(GRUB_MODULES.includes(name), name)
})

test('the chooser lies in one sector', () => {
  const text = renderChooser()
  assert.is(text.length, 512)
  assert.match(text, /\nfi\n#+$/)
  assert.throws(() => renderChooser('/'.padEnd(100, 'x')), /too long/)
})

test('a sum is one of sha256sum', () => {
  const hash = createHash('sha256').update('text').digest('hex')
  assert.is(renderSum('text', 'b'), `${hash}  speediso-b.cfg\n`)
})

test('kernel arguments are split, and what GRUB would change is refused', () => {
  assert.equal(splitArguments('  a b=c,d\te '), ['a', 'b=c,d', 'e'])
  assert.equal(splitArguments(''), [])
  for (const bad of ['a="b c"', "a='b'", 'a\\b', 'ä']) {
    assert.throws(
      () => splitArguments(bad),
      (error: unknown) => error instanceof InputError,
    )
  }
})

test('consoles', () => {
  assert.equal(parseConsoles('tty0 ttyS0,115200n8 ttyS1,9600e7r ttyS2 ttyS9 ttyAMA0,115200'), [
    { argument: 'tty0' },
    { argument: 'ttyS0,115200n8', serial: { unit: 0, speed: 115_200, parity: 'no', word: 8 } },
    { argument: 'ttyS1,9600e7r', serial: { unit: 1, speed: 9600, parity: 'even', word: 7 } },
    { argument: 'ttyS2', serial: { unit: 2, speed: 9600, parity: 'no', word: 8 } },
    { argument: 'ttyS9' },
    { argument: 'ttyAMA0,115200' },
  ])
  for (const bad of ['console=tty0', 'ttyS0,fast', 'ttyS0;reboot', 'sda']) {
    assert.throws(
      () => parseConsoles(bad),
      (error: unknown) => error instanceof InputError,
      bad,
    )
  }
})

const textOf = (dir: string, slot: Slot) => readFileSync(join(dir, slotFiles(slot).config), 'utf8')

/** The text that GRUB would take. */
async function taken(dir: string): Promise<string | undefined> {
  for (const slot of SLOTS) if (await isWhole(dir, slot)) return textOf(dir, slot)
  return undefined
}

test('both configurations are written', async () => {
  const dir = freshDir()
  await writeConfigs(dir, 'one\n')
  assert.equal([await isWhole(dir, 'a'), await isWhole(dir, 'b')], [true, true])
  await writeConfigs(dir, 'two\n')
  assert.equal([textOf(dir, 'a'), textOf(dir, 'b')], ['two\n', 'two\n'])
  assert.equal([await isWhole(dir, 'a'), await isWhole(dir, 'b')], [true, true])
})

/** What a power cut makes of a slot that is being written. */
const states: Record<string, (dir: string, slot: Slot) => void> = {
  whole: () => {},
  'cut off': (dir, slot) => writeFileSync(join(dir, slotFiles(slot).config), 'ol'),
  'without its sum': (dir, slot) => rmSync(join(dir, slotFiles(slot).sum)),
  missing: (dir, slot) => {
    rmSync(join(dir, slotFiles(slot).config))
    rmSync(join(dir, slotFiles(slot).sum))
  },
}

/** Cuts a change off before each of its steps and in the middle of it; gives what GRUB then takes. */
async function cutOff(
  make: () => Promise<string>,
  order: (steps: readonly ConfigStep[]) => readonly ConfigStep[],
): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  const { length } = order(await planConfigs(await make(), 'new\n'))
  for (let done = 0; done <= length; done += 1) {
    for (const torn of [false, true]) {
      const dir = await make()
      const steps = order(await planConfigs(dir, 'new\n'))
      for (const step of steps.slice(0, done)) await doConfigStep(dir, step)
      const next = steps[done]
      if (torn && next?.text !== undefined) {
        writeFileSync(join(dir, next.path), next.text.slice(0, next.text.length / 2))
      }
      found.push(await taken(dir))
    }
  }
  return found
}

for (const [first, damageFirst] of Object.entries(states)) {
  for (const [second, damageSecond] of Object.entries(states)) {
    const make = async () => {
      const dir = freshDir()
      await writeConfigs(dir, 'old\n')
      damageFirst(dir, 'a')
      damageSecond(dir, 'b')
      return dir
    }
    const any = first === 'whole' || second === 'whole'

    test(`a change that is cut off, a ${first}, b ${second}`, async () => {
      const found = await cutOff(make, (steps) => steps)
      assert.is(found.at(-1), 'new\n')
      for (const each of found)
        assert.ok(each === 'old\n' || each === 'new\n' || (!any && each === undefined))
    })
  }
}

test('the judge of cuts sees a wrong order', async () => {
  const make = async () => {
    const dir = freshDir()
    await writeConfigs(dir, 'old\n')
    states['cut off']?.(dir, 'b')
    return dir
  }
  // The slot that GRUB takes first: for a moment there is none.
  const found = await cutOff(make, (steps) => [...steps.slice(3), ...steps.slice(0, 3)])
  assert.ok(found.includes(undefined))
})

test('what is the same is not written again', async () => {
  const dir = freshDir()
  await writeConfigs(dir, 'one\n')
  assert.equal(await planConfigs(dir, 'one\n'), [])
  rmSync(join(dir, slotFiles('b').sum))
  assert.equal(
    (await planConfigs(dir, 'one\n')).map(({ path }) => path),
    [slotFiles('b').sum, slotFiles('b').config, slotFiles('b').sum],
  )
})

test("a grub.cfg of somebody else is kept; speediso's own is changed where it lies", async () => {
  const dir = freshDir()
  mkdirSync(join(dir, 'grub'))
  writeFileSync(join(dir, 'grub/grub.cfg'), 'menuentry mine {}\n')
  await writeChooser(dir, renderChooser())
  assert.is(readFileSync(join(dir, FOREIGN_CONFIG), 'utf8'), 'menuentry mine {}\n')
  assert.is(readFileSync(join(dir, 'grub/grub.cfg'), 'utf8'), renderChooser())
  await writeChooser(dir, renderChooser('/x'))
  assert.is(readFileSync(join(dir, 'grub/grub.cfg'), 'utf8'), renderChooser('/x'))
  assert.is(readFileSync(join(dir, FOREIGN_CONFIG), 'utf8'), 'menuentry mine {}\n')
})

test.run()
