import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import type { Catalogue } from '../../src/job/catalogue.ts'
import { describeJob, maskJob, problemLine } from '../../src/job/explain.ts'
import { resolveJob } from '../../src/job/resolve.ts'

const catalogue: Catalogue = new Map([
  [
    'inventory',
    {
      destructive: false,
      timeout: 300_000,
      options: z.object({ sections: z.string().default('all') }),
    },
  ],
  [
    'wipe',
    {
      destructive: true,
      timeout: 600_000,
      options: z.object({
        level: z.enum(['clear', 'purge'], { error: 'is neither clear nor purge' }).default('purge'),
        quick: z.stringbool({ error: 'is neither yes nor no' }).default(false),
        signing_key: z.string().meta({ secret: true }).optional(),
      }),
    },
  ],
])
const resolve = (text: string) => resolveJob(text, catalogue)
const names = (text: string) => resolve(text).job.tasks.map((task) => task.name)

test('no parameter: the plain live system', () => {
  const { job, problems, origins } = resolve('BOOT_IMAGE=vmlinuz quiet root=live:http://h/r.squashfs')
  assert.equal(job.tasks, [])
  assert.equal(problems, [])
  assert.equal(job.after, 'stay')
  assert.equal(origins.after, { from: 'default' })
})

const tasks: [text: string, expected: string[]][] = [
  ['SPEEDISO=inventory', ['inventory']],
  ['systemd.setenv=SPEEDISO=inventory', ['inventory']],
  ['"systemd.setenv=SPEEDISO=inventory"', ['inventory']],
  ['systemd.setenv=OTHER=1 SPEEDISO=inventory', ['inventory']],
  ['SPEEDISO=inventory,wipe', ['inventory', 'wipe']],
  ['SPEEDISO=wipe SPEEDISO=inventory', ['inventory']],
  ['SPEEDISO=wipe systemd.setenv=SPEEDISO=inventory', ['inventory']],
  ['systemd.setenv=SPEEDISO=wipe SPEEDISO=inventory', ['inventory']],
  ['SPEEDISO=inventory SPEEDISO=', []],
  ['SPEEDISO=rescue', []],
  ['SPEEDISO=bogus SPEEDISO=inventory', ['inventory']],
  ['quiet -- SPEEDISO=wipe', []],
  ['NOTSPEEDISO=wipe', []],
]
for (const [text, expected] of tasks) {
  test(`tasks of ${text}`, () => {
    assert.equal(resolve(text).problems, [])
    assert.equal(names(text), expected)
  })
}

const wrong: [text: string, line: RegExp][] = [
  ['SPEEDISO=inventroy', /^SPEEDISO: "inventroy" is no task of this image; did you mean inventory\?$/],
  ['systemd.setenv=SPEEDISO=xyzzyq', /known tasks are inventory, wipe, rescue$/],
  ['SPEEDISO', /^SPEEDISO: has no value/],
  ['SPEEDISO=inventory,', /names an empty task/],
  ['SPEEDISO=inventory,inventory', /names inventory twice/],
  ['speediso=wipe', /^speediso: is no parameter of speediso; did you mean SPEEDISO\?$/],
  ['SPEEDISO=inventory speediso.aftre=reboot', /did you mean speediso\.after\?$/],
  ['SPEEDISO=inventory Speediso.after=reboot', /did you mean speediso\.after\?$/],
  ['SPEEDISO=inventory speediso.after=rebot', /"rebot" is none of .*; did you mean reboot\?$/],
  ['SPEEDISO=inventory speediso.timeout=90', /has no unit; write 90s, 90m or 90h$/],
  ['SPEEDISO=inventory speediso.timeout=soon', /is not a duration; write one such as/],
  ['SPEEDISO=inventory speediso.timeout', /has no value; speediso\.timeout=DURATION/],
  ['SPEEDISO=inventory speediso.confirm=,', /names no machine/],
  ['SPEEDISO=inventory speediso.log=7373', /is not ADDR:PORT/],
  ['SPEEDISO=inventory speediso.log=0.0.0.0:70000', /is not ADDR:PORT/],
  ['SPEEDISO=inventory speediso.ssh.keys=AAAA', /neither a URL nor key lines/],
  ['SPEEDISO=inventory speediso.wipe.level=shred', /^speediso\.wipe\.level: is neither clear nor purge$/],
  ['SPEEDISO=inventory speediso.wipe.levl=clear', /did you mean speediso\.wipe\.level\?$/],
  ['SPEEDISO=inventory speediso.wipe.quick', /^speediso\.wipe\.quick: has no value/],
  ['SPEEDISO=inventory speediso.inventory.timeout=5', /has no unit/],
]
for (const [text, line] of wrong) {
  test(`problem of ${text}`, () => {
    const { job, problems } = resolve(text)
    assert.equal(job.tasks, [], 'with a problem no task is left in the job')
    assert.is(problems.length, 1)
    const problem = problems[0]
    assert.ok(problem)
    assert.match(problemLine(problem), line)
  })
}

test('values, and where they come from', () => {
  const { job, problems, origins } = resolve(
    'SPEEDISO=wipe speediso.after=poweroff speediso.after-failure=reboot speediso.timeout=1h30m ' +
      'speediso.confirm=aa:bb:cc:dd:ee:ff,SN1 speediso.log=[::]:80 speediso.wipe.quick=yes speediso.wipe.timeout=24h',
  )
  assert.equal(problems, [])
  assert.equal(job.after, 'poweroff')
  assert.equal(job.after_failure, 'reboot')
  assert.equal(job.timeout, 5_400_000)
  assert.equal(job.confirm, ['aa:bb:cc:dd:ee:ff', 'SN1'])
  assert.equal(job.log.listen, { address: '::', port: 80 })
  assert.equal(job.tasks, [{ name: 'wipe', options: { level: 'purge', quick: true }, timeout: 86_400_000 }])
  assert.equal(origins['wipe.quick'], { from: 'command line', word: 'speediso.wipe.quick=yes' })
  assert.equal(origins['wipe.level'], { from: 'default' })
  assert.equal(origins.after_failure?.word, 'speediso.after-failure=reboot')
})

test('parameters of the initramfs are known and change nothing', () => {
  const { job, problems } = resolve('SPEEDISO=inventory speediso.sha256=00 speediso.mirror=http://m/r')
  assert.equal(problems, [])
  assert.is(job.tasks.length, 1)
})

const SECRET = 'hunter2hunter2'
for (const text of [
  `SPEEDISO=wipe speediso.log.token=${SECRET}`,
  `SPEEDISO=wipe speediso.log.tokn=${SECRET}`,
  `SPEEDISO=wipe speediso.wipe.signing-key=${SECRET}`,
  `SPEEDISO=wipe speediso.log.token="${SECRET} x"`,
  `SPEEDISO=wipe 'speediso.log.token=${SECRET}'`,
  `SPEEDISO=wipe other=http://me:${SECRET}@host/`,
  `SPEEDISO=wipe speediso.report=http://me:p@${SECRET}@host/`,
  `SPEEDISO=wipe speediso.report="http://me:a ${SECRET}@host/"`,
  `SPEEDISO=wipe speediso.report=http://host/?sig=${SECRET}&x=1`,
  `SPEEDISO=wipe speediso.job=http://host/?a=b&tok%65n=${SECRET}`,
  `SPEEDISO=wipe speediso.nats=nats://${SECRET}@host:4222`,
  `SPEEDISO=wipe speediso.ssh.keys=https://host/keys?key=${SECRET}`,
  `SPEEDISO=wipe  speediso.foreman.tokn=${SECRET}  -- x`,
  `SPEEDISO=wipe speediso.log.token:${SECRET}`,
  `SPEEDISO=wipe speediso.log.token${SECRET}=1`,
  `SPEEDISO=wipe speediso.log-tokn:${SECRET}`,
]) {
  test(`no secret is shown: ${text.slice(14, 34)}`, () => {
    const resolved = resolve(text)
    const isSecret = (task: string, key: string) => task === 'wipe' && key === 'signing_key'
    const job = maskJob(resolved.job, isSecret)
    const shown = JSON.stringify({ ...resolved, job }) + describeJob(job, resolved).join('\n')
    assert.not.match(shown, SECRET)
    assert.ok(
      resolved.hidden().some((part) => part.includes(SECRET)),
      'and is known, to be kept out of what is sent away',
    )
  })
}
test('negative control: the unmasked job holds the secret', () => {
  assert.match(JSON.stringify(resolve(`SPEEDISO=wipe speediso.log.token=${SECRET}`).job), SECRET)
})

const word = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom(
    'SPEEDISO=inventory',
    'SPEEDISO=wipe',
    'SPEEDISO',
    '--',
    'speediso.after=reboot',
    'speediso.',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'SPEEDISO',
        'speediso.after',
        'speediso.timeout',
        'speediso.wipe.level',
        'speediso.x',
        'speediso',
      ),
      fc.string({ maxLength: 12 }),
    )
    .map(([name, value]) => `${name}=${value}`),
)
const line = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '))

test('property: never throws, and a job with a problem has no task', () => {
  fc.assert(
    fc.property(line, (text) => {
      const { job, problems } = resolve(text)
      if (problems.length > 0) assert.equal(job.tasks, [])
    }),
    { numRuns: 2000 },
  )
})

test('property: later wins', () => {
  const value = fc.constantFrom('stay', 'reboot', 'poweroff', 'kexec')
  fc.assert(
    fc.property(fc.array(value, { minLength: 1 }), (values) => {
      const { job } = resolve(values.map((v) => `speediso.after=${v}`).join(' '))
      assert.is(job.after, values.at(-1))
    }),
  )
})

test('property: - and _ are equal in every name', () => {
  const name = fc.constantFrom(
    'speediso.after_failure=reboot',
    'speediso.wipe.signing_key=k',
    'speediso.log=off',
  )
  fc.assert(
    fc.property(fc.array(name), fc.array(fc.boolean()), (words, dashes) => {
      let at = 0
      const other = words.map((text) =>
        text.replaceAll('_', () => (dashes[at++ % dashes.length] ? '-' : '_')),
      )
      assert.equal(resolve(words.join(' ')).job, resolve(other.join(' ')).job)
    }),
  )
})

test('a NATS server and nothing on it', () => {
  assert.equal(resolve('speediso.nats=nats://me:pass@h:4222/').problems, [])
  for (const more of ['/stream', '?x=1', '#y'])
    assert.match(
      resolve(`speediso.nats=nats://h:4222${more}`).problems[0]?.message ?? '',
      'names more than a server',
    )
})

test('property: what stands after -- changes nothing', () => {
  fc.assert(
    fc.property(line, (text) => {
      const shown = (commandLine: string) => JSON.stringify(resolve(commandLine))
      assert.is(shown(`SPEEDISO=inventory -- ${text}`), shown('SPEEDISO=inventory'))
    }),
  )
})

test.run()
