import { type AnyTask, defineTask, type FinishedStep, type TaskContext } from '../../src/runtime/task.ts'
import { type Finding, unknown } from '../../src/system/finding.ts'
import { findTool } from '../../src/system/tools.ts'
import { missingIn } from './core-values.ts'
import { describeInventory } from './describe.ts'
import { optionsSchema } from './options.ts'
import { runSection } from './run-section.ts'
import { INVENTORY_SCHEMA, type Inventory, inventorySchema, SECTIONS, type SectionName } from './schema.ts'
import { type Libraries, libraries, sections } from './sections.ts'

/** What a section may take before it counts as hung, in milliseconds. */
const SECTION_LIMIT = 30_000

export interface InventoryFacts {
  /** Which of the sources there are on this machine. */
  sources: Record<string, boolean>
  /** Where each program is; null when it is not installed. */
  tools: Record<string, string | null>
}

export interface SectionParams {
  sources: string[]
  tools: string[]
  /** Sources and programs that are not there: what only they know will be unknown. */
  missing: string[]
}

type Kinds = Record<SectionName, SectionParams>

export interface InventoryDeps {
  libraries?: Libraries
  sectionLimit?: number
}

export function createInventory(deps: InventoryDeps = {}): AnyTask {
  const { libraries: used = libraries, sectionLimit = SECTION_LIMIT } = deps
  return defineTask<InventoryFacts, typeof optionsSchema, Kinds>({
    name: 'inventory',
    summary: 'Reads what the machine is made of, with the source of every value; changes nothing',
    example: 'speediso inventory --sections disks,network --json',
    destructive: false,
    timeout: 300_000,
    options: optionsSchema,
    readFacts,
    plan: (facts, options) => ({ steps: options.sections.map((name) => planSection(name, facts)) }),
    runners: Object.fromEntries(
      SECTIONS.map((name) => [name, (_step, ctx) => runSection(name, ctx, used, sectionLimit)]),
    ) as {
      [Name in SectionName]: (
        step: unknown,
        ctx: Parameters<typeof runSection>[1],
      ) => ReturnType<typeof runSection>
    },
    result: (finished) => makeInventory(finished),
    describe: (result) => {
      const inventory = inventorySchema.safeParse(result)
      return inventory.success ? describeInventory(inventory.data) : ['this is not an inventory document']
    },
  })
}

export const inventory = createInventory()

async function readFacts({ root }: TaskContext): Promise<InventoryFacts> {
  const facts: InventoryFacts = { sources: {}, tools: {} }
  for (const { sources, tools } of Object.values(sections)) {
    for (const path of sources.flat()) facts.sources[path] ??= await root.exists(path).catch(() => false)
    for (const name of tools) facts.tools[name] ??= (await findTool(root, name)) ?? null
  }
  return facts
}

function planSection<Name extends SectionName>(name: Name, facts: InventoryFacts) {
  const { title, sources, tools } = sections[name]
  const missing = [
    ...sources
      .map((source) => [source].flat())
      .flatMap((paths) => (paths.some((path) => facts.sources[path]) ? [] : paths.slice(0, 1))),
    ...tools.filter((tool) => facts.tools[tool] === null),
  ]
  const params = { sources: sources.flat(), tools: [...tools], missing }
  const without = missing.length === 0 ? '' : `, without ${missing.join(', ')}`
  return { id: name, kind: name, title: `${title}${without}`, lane: name, params }
}

function makeInventory(finished: readonly FinishedStep[]): Inventory {
  const document: Inventory = { schema: INVENTORY_SCHEMA, sections: {}, missing: [], disagreements: [] }
  for (const { step, outcome } of finished) {
    const name = step.kind as SectionName
    const finding = (outcome.output ?? unknown(outcome.reason ?? 'not read')) as Finding<never>
    Object.assign(document.sections, { [name]: finding })
    document.missing.push(...missingIn(name, finding))
    if (finding.status !== 'known') continue
    const { disagreements } = finding.value as { disagreements?: Inventory['disagreements'] }
    document.disagreements.push(...(disagreements ?? []).map((each) => ({ ...each, section: name })))
  }
  return document
}
