import { type Act, actsOf } from './acts.ts'
import type { ImageNames } from './names.ts'
import type { StateRecord } from './record.ts'
import type { Action, LoaderTrial } from './schema.ts'

/** The few calls by which a swap touches hostpart and the loader. Paths are below hostpart. */
export interface RootPort {
  link(from: string, to: string): Promise<void>
  /** False: it could not be, which was said. Never false but for one that may stay. */
  rename(from: string, to: string, how: { optional?: true; mayStay?: true }): Promise<boolean>
  unlink(path: string): Promise<void>
  create(path: string): Promise<void>
  writeText(path: string, text: string): Promise<void>
  /** Syncs the folders of the images and of hostpart itself. */
  sync(): Promise<void>
  writeRecord(record: StateRecord): Promise<void>
  writeLoader(trial: LoaderTrial | undefined): Promise<void>
  /** Whether a reader that replays no journal finds everything now. */
  settle(): Promise<boolean>
  /** Lets go of what is held open. */
  end(): Promise<void>
}

/**
 * Carries out the actions of a decision, in their order, each call once the one before has ended.
 * @param onAct told of each call before it is made
 * @throws what the port throws: what was done until then stands, and the next decision goes on from it
 */
export async function apply(
  actions: readonly Action[],
  names: ImageNames,
  port: RootPort,
  onAct: (act: Act) => void = () => {},
): Promise<void> {
  let settled = true
  try {
    for (const action of actions) {
      // As long as GRUB may see the names of before, it has to go on counting.
      if (action.do === 'loader' && action.trial === undefined && !settled) continue
      for (const act of actsOf(action, names)) {
        onAct(act)
        if (act.act === 'settle') settled = await port.settle()
        else if (act.act !== 'rename') await perform(act, port)
        else if (!(await port.rename(act.from, act.to, act))) break
      }
    }
  } finally {
    await port.end()
  }
}

async function perform(act: Exclude<Act, { act: 'settle' | 'rename' }>, port: RootPort): Promise<void> {
  switch (act.act) {
    case 'link':
      return port.link(act.from, act.to)
    case 'unlink':
      return port.unlink(act.path)
    case 'create':
      return port.create(act.path)
    case 'text':
      return port.writeText(act.path, act.text)
    case 'sync':
      return port.sync()
    case 'record':
      return port.writeRecord(act.record)
    case 'loader':
      return port.writeLoader(act.trial)
  }
}
