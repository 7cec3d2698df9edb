import { readNumber } from '../../attribute.ts'
import { type Finding, known, knownValue, unknown } from '../../finding.ts'
import type { ReadDeps } from '../deps.ts'
import type { Capabilities, ScsiCapabilities } from '../schema.ts'
import { stateOf } from './sense.ts'
import { readCapacity, readCommands, readSense } from './sg3.ts'

/** What a SCSI or SAS drive can do. Changes nothing on it. */
export async function readScsiCapabilities(
  { name, path }: { name: string; path: string },
  deps: ReadDeps,
): Promise<Finding<Capabilities>> {
  const sense = await readSense(deps, path)
  if (sense.status !== 'known') return sense
  const running = runningOf(stateOf(sense.value))
  const commands = await readCommands(deps, path)
  // A drive at work refuses both; what counts then is only that it is.
  if (commands.status === 'unknown' && running === 'none') return commands
  const has = (command: string) => knownValue(commands)?.has(command) ?? false
  const capacity = await readCapacity(deps, path)
  const logicalBytes =
    knownValue(capacity)?.logicalBytes ??
    (running === 'none'
      ? undefined
      : knownValue(await readNumber(deps.root, `/sys/block/${name}/queue/logical_block_size`, 1)))
  if (logicalBytes === undefined) {
    const reason = capacity.status === 'known' ? 'no logical block length' : capacity.reason
    return unknown(reason, ...capacity.sources)
  }
  return known<Capabilities>(
    {
      kind: 'scsi',
      // SBC-4, table of SANITIZE service actions.
      sanitize: { overwrite: has('48/1'), block: has('48/2'), crypto: has('48/3') },
      // Up to SBC-3 every disk has to know FORMAT UNIT, also one that does not list its commands.
      format: has('4') || commands.status === 'absent',
      logicalBytes,
      running,
    },
    ...sense.sources,
    ...commands.sources,
    ...capacity.sources,
  )
}

function runningOf(state: ReturnType<typeof stateOf>): ScsiCapabilities['running'] {
  if (state === 'sanitizing') return 'sanitize'
  return state === 'formatting' ? 'format' : 'none'
}
