import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readJobDocument } from '../../src/job/document.ts'
import { resolveJob } from '../../src/job/resolve.ts'
import { loadCatalogue } from '../../src/runtime/catalogue.ts'
import { runJob } from '../../src/runtime/run-job.ts'
import type { AnyTask } from '../../src/runtime/task.ts'
import type { HostIdentity } from '../../src/system/identity.ts'
import { context, fakeTask, pass, recorder } from './helpers/tasks.ts'

// What is tried: random machines, random words of a command line and of a job file, with names that are this machine's,
// nearly this machine's, and others'. What is looked for: a destructive step that was read for, planned or run.

interface Machine {
  macs: string[]
  serial: string | undefined
  uuid: string | undefined
}

const hex = fc.integer({ min: 0, max: 255 }).map((byte) => byte.toString(16).padStart(2, '0'))
const mac = fc.array(hex, { minLength: 6, maxLength: 6 }).map((bytes) => bytes.join(':'))
const serial = fc.stringMatching(/^[A-Z0-9][A-Za-z0-9.-]{2,11}$/)
const machine: fc.Arbitrary<Machine> = fc.record({
  macs: fc.array(mac, { maxLength: 3 }),
  serial: fc.option(serial, { nil: undefined }),
  uuid: fc.option(fc.uuid(), { nil: undefined }),
})

/** One name as it may be written, and whether it means the machine. */
interface Name {
  text: string
  own: boolean
}

const capitals = (text: string) => text.toUpperCase()

function nameOf(host: Machine): fc.Arbitrary<Name> {
  const own = [
    ...host.macs.flatMap((m) => [
      m,
      capitals(m),
      m.replaceAll(':', '-'),
      `01-${m.replaceAll(':', '-')}`,
      m.replaceAll(':', ''),
    ]),
    ...(host.serial === undefined ? [] : [host.serial]),
    ...(host.uuid === undefined ? [] : [host.uuid, capitals(host.uuid)]),
  ]
  const near = own.flatMap((text) => [
    text.slice(1),
    `${text}0`,
    `${text.slice(0, -1)}${text.endsWith('7') ? '8' : '7'}`,
  ])
  const other = fc.oneof(
    mac,
    serial,
    fc.uuid(),
    fc.constantFrom('all', '*', 'yes', 'localhost', '00:00:00:00:00:00'),
  )
  const isOwn = (text: string) =>
    text === host.serial ||
    (host.uuid !== undefined && text.toLowerCase() === host.uuid.toLowerCase()) ||
    host.macs.some((m) => {
      const bare = text.toLowerCase().replace(/^01-(?=.{17}$)/, '')
      return [m, m.replaceAll(':', '-'), m.replaceAll(':', '')].includes(bare)
    })
  const judged = (text: string): Name => ({ text, own: isOwn(text) })
  return fc.oneof(
    ...(own.length === 0 ? [] : [fc.constantFrom(...own).map(judged), fc.constantFrom(...near).map(judged)]),
    other.map(judged),
  )
}

interface Trial {
  host: Machine
  /** Each `speediso.confirm=` of the command line. */
  confirms: Name[][]
  inFile: Name[]
  tasks: string[]
  noise: string[]
}

const trial: fc.Arbitrary<Trial> = machine.chain((host) =>
  fc.record({
    host: fc.constant(host),
    confirms: fc.array(fc.array(nameOf(host), { minLength: 1, maxLength: 3 }), { maxLength: 2 }),
    inFile: fc.array(nameOf(host), { maxLength: 2 }),
    tasks: fc.shuffledSubarray(['look', 'wipe', 'install'], { minLength: 1 }),
    noise: fc.shuffledSubarray(
      [
        'quiet',
        'speediso.after=poweroff',
        'root=live:http://h/r',
        'speediso.wipe.confirm=x',
        'confirm=yes',
        '--',
      ],
      {
        maxLength: 3,
      },
    ),
  }),
)

async function runTrial({ host, confirms, inFile, tasks, noise }: Trial) {
  const touched: string[] = []
  const make = (name: string, destructive: boolean): AnyTask => {
    const task = fakeTask({ a: pass }, { name, destructive })
    return {
      ...task,
      readFacts: async (ctx) => {
        touched.push(name)
        return task.readFacts(ctx)
      },
      plan: (facts, options) => {
        touched.push(name)
        return task.plan(facts, options)
      },
      runners: {
        act: async (step, ctx) => {
          touched.push(name)
          return pass(step, ctx)
        },
      },
    }
  }
  const registry = {
    look: async () => make('look', false),
    wipe: async () => make('wipe', true),
    install: async () => make('install', true),
  }
  const catalogue = await loadCatalogue(registry)
  const words = [
    `SPEEDISO=${tasks.join(',')}`,
    ...confirms.map((names) => `speediso.confirm=${names.map(({ text }) => text).join(',')}`),
    ...noise,
  ]
  const file = inFile.length === 0 ? '{}' : JSON.stringify({ confirm: inFile.map(({ text }) => text) })
  const resolved = resolveJob(words.join(' '), catalogue, [readJobDocument(file, 'job file', 'file')])
  const identity: HostIdentity = {
    hostId: 'test',
    origin: 'the test',
    hostname: 'yes',
    macs: host.macs.map((address, i) => ({ name: `eth${i}`, mac: address, permanent: true })),
    ...(host.serial === undefined ? {} : { serial: host.serial }),
    ...(host.uuid === undefined ? {} : { uuid: host.uuid }),
  }
  const { emit } = recorder()
  const outcome = await runJob(resolved.job, resolved.problems, '', {
    ...context(),
    dir: '/nonexistent',
    registry,
    identity,
    emit,
  })
  // The last of the command line wins, and with none there the file counts.
  const winning = confirms.at(-1) ?? inFile
  return { touched, outcome, confirmed: winning.some(({ own }) => own), problems: resolved.problems, tasks }
}

test('no destructive task is read for, planned or run without a confirmation that names this machine', async () => {
  let ran = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(trial, async (input) => {
      const { touched, outcome, confirmed, problems } = await runTrial(input)
      const destructive = touched.filter((name) => name !== 'look')
      if (!confirmed) {
        assert.equal(destructive, [])
        if (problems.length === 0 && input.tasks.some((name) => name !== 'look')) {
          refused += 1
          assert.is(outcome.verdict, 'failed')
        }
      } else if (destructive.length > 0) ran += 1
    }),
    { numRuns: 1500 },
  )
  // The generator makes both: a gate that is always shut, or never asked, would prove nothing.
  assert.ok(ran > 100, `${ran} confirmed runs`)
  assert.ok(refused > 100, `${refused} refusals`)
})

test('a confirmed one runs', async () => {
  await fc.assert(
    fc.asyncProperty(trial, async (input) => {
      const { touched, confirmed, problems } = await runTrial({ ...input, tasks: ['wipe'], noise: [] })
      if (confirmed && problems.length === 0) assert.equal(touched, ['wipe', 'wipe', 'wipe'])
    }),
    { numRuns: 500 },
  )
})

test.run()
