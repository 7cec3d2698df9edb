import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { jsonSchemas } from '../../packaging/schema/schemas.ts'
import { writeSchemas } from '../../packaging/schema/write.ts'
import { readJobDocument } from '../../src/job/document.ts'
import type { Event } from '../../src/runtime/events.ts'
import type { Report } from '../../src/runtime/report.ts'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const run = join(dir, 'run')
const schemas = join(dir, 'schema')

await writeSchemas(schemas)
const validators = new Map<string, ValidateFunction>()
for (const name of jsonSchemas().keys()) {
  const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
  formats.default(ajv)
  const schema = JSON.parse(readFileSync(join(schemas, `${name}.schema.json`), 'utf8')) as AnySchema
  validators.set(name, ajv.compile(schema))
}

await speediso(['boot', '--run-dir', run, '--cmdline', 'SPEEDISO=inventory speediso.log=off'])
const report: Report = JSON.parse(readFileSync(join(run, 'report.json'), 'utf8'))
const lines = readFileSync(join(run, 'events.ndjson'), 'utf8').trimEnd().split('\n')
const events: Event[] = lines.map((line) => JSON.parse(line))

/** What the schema has against a document; empty when nothing. */
function faults(name: string, document: unknown): string[] {
  const validate = validators.get(name)
  if (validate === undefined) throw new Error(`no schema ${name}`)
  validate(document)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

test('each schema names its draft, itself and what it is of', () => {
  assert.equal([...jsonSchemas().keys()].sort(), [
    'erasure-certificate',
    'event',
    'heartbeat',
    'hello',
    'inventory',
    'job',
    'job-file',
    'notice',
    'report',
    'wipe',
  ])
  for (const [name, schema] of jsonSchemas()) {
    assert.is(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.is(schema.$id, `urn:speediso:${name}:1`)
    assert.ok(schema.title.length > 10)
  }
})

test('job files: the example of the docs, a JSON one, and what is not known', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/job.md'), 'utf8')
  const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? ''
  const known = readJobDocument(example, 'job file', 'example')
  assert.equal(known.problems, [])
  assert.ok(known.parameters.length > 5)
  assert.equal(faults('job-file', parse(example)), [])
  assert.equal(
    faults('job-file', { tasks: ['inventory'], log: '0.0.0.0:1', report: { url: 'http://h/' } }),
    [],
  )
  assert.ok(faults('job-file', { aftre: 'stay' }).length > 0)
  assert.ok(faults('job-file', { job: 'http://other/' }).length > 0)
  assert.ok(faults('job-file', { inventory: { levl: 1 } }).length > 0)
})

test('the report of a real boot is valid, and so are its job, its inventory and its events', () => {
  assert.equal(faults('report', report), [])
  assert.equal(faults('job', report.job), [])
  assert.equal(faults('inventory', report.tasks[0]?.result), [])
  assert.ok(events.length > 20)
  for (const event of events) assert.equal(faults('event', event), [], JSON.stringify(event))
})

test('what speediso inventory --json prints is valid', async () => {
  const { stdout } = await speediso(['inventory', '--json', '--sections', 'cpu,disks'])
  assert.equal(faults('report', JSON.parse(stdout)), [])
})

test('a document that has got another field since is still valid', () => {
  assert.equal(faults('report', { ...report, news: 1 }), [])
  assert.equal(faults('event', { ...events[0], news: 1 }), [])
})

const damaged: [what: string, damage: (copy: Record<string, unknown>) => void][] = [
  ['of another version', (copy) => Object.assign(copy, { schema: 'speediso.report/2' })],
  ['without a host', (copy) => delete copy.host],
  ['with a verdict that there is not', (copy) => Object.assign(copy, { verdict: 'ok' })],
  ['with a time that is none', (copy) => Object.assign(copy, { started: 'yesterday' })],
  ['with tasks that are no list', (copy) => Object.assign(copy, { tasks: {} })],
  [
    'with a task without a verdict',
    (copy) => Object.assign(copy, { tasks: [{ ...report.tasks[0], verdict: null }] }),
  ],
  ['with a job that was cut', (copy) => Object.assign(copy, { job: { tasks: [] } })],
]
for (const [what, damage] of damaged) {
  test(`negative control: a report ${what} is not valid`, () => {
    const copy = structuredClone(report) as unknown as Record<string, unknown>
    damage(copy)
    assert.ok(faults('report', copy).length > 0)
  })
}

test('negative control: damaged events and inventories are not valid', () => {
  const [first] = events
  for (const change of [
    { seq: 0 },
    { seq: 1.5 },
    { kind: 'job.begin' },
    { time: '2026-01-01' },
    { host: 1 },
  ]) {
    assert.ok(faults('event', { ...first, ...change }).length > 0, JSON.stringify(change))
  }
  const { kind: _, ...rest } = first as Event
  assert.ok(faults('event', rest).length > 0)
  const inventory = report.tasks[0]?.result as { sections: Record<string, unknown> }
  assert.ok(faults('inventory', { ...inventory, missing: undefined, disagreements: 'none' }).length > 0)
  const cpu = { status: 'guessed' }
  assert.ok(faults('inventory', { ...inventory, sections: { ...inventory.sections, cpu } }).length > 0)
})

test.run()
