import { CommandError, explainInLine, SpeedisoError, ToolMissingError } from '../../../errors.ts'
import { type ActDeps, act, describeAction } from './act.ts'
import { findBootMedium } from './boot-medium.ts'
import { holdersLeft } from './holders.ts'
import { planTeardown } from './plan-teardown.ts'
import type { TeardownAction } from './schema.ts'
import { readStanding } from './standing.ts'

export { holdersLeft } from './holders.ts'

export interface TearDownDeps extends ActDeps {
  log(level: 'debug' | 'info' | 'warning' | 'error', message: string): void
  /**
   * Disks that are to be free afterwards. What stands on them again (udev starts arrays and volumes as it sees their
   * parts) is taken apart a second time.
   */
  disks?: readonly string[]
}

export interface TearDownResult {
  done: TeardownAction[]
  failed: { action: TeardownAction; error: string }[]
}

/**
 * Takes apart what stands on disks. One that fails leaves what is below it as it is: the kernel refuses to stop what is
 * in use. Success is what `holdersLeft` says, not that every act was done.
 */
export async function tearDown(
  actions: readonly TeardownAction[],
  deps: TearDownDeps,
): Promise<TearDownResult> {
  const result = await doAll(actions, deps)
  await settle(deps)
  const { disks } = deps
  if (disks === undefined || disks.length === 0) return result
  const left = await holdersLeft(deps.root, disks, { exec: deps.exec, signal: deps.signal })
  if (left.length === 0) return result
  const standing = await readStanding(deps.root, deps.exec, deps.signal)
  const { boot } = findBootMedium(standing, (await deps.root.readText('/proc/cmdline')) ?? '')
  const { actions: again, blocked } = planTeardown({ ...standing, boot }, disks)
  if (blocked !== null) deps.log('warning', `cannot be taken apart: ${blocked}`)
  if (again.length === 0) return result
  deps.log('info', `still in use: ${left.join(', ')}; trying once more`)
  const second = await doAll(again, deps)
  await settle(deps)
  return { done: [...result.done, ...second.done], failed: second.failed }
}

async function doAll(actions: readonly TeardownAction[], deps: TearDownDeps): Promise<TearDownResult> {
  const result: TearDownResult = { done: [], failed: [] }
  for (const action of actions) {
    deps.signal.throwIfAborted()
    try {
      await act(action, deps)
      result.done.push(action)
      deps.log('info', `done: ${describeAction(action)}`)
    } catch (error) {
      deps.signal.throwIfAborted()
      if (!(error instanceof SpeedisoError)) throw error
      const line = explainInLine(error)
      result.failed.push({ action, error: `${describeAction(action)}: ${line}` })
      deps.log('warning', `failed: ${describeAction(action)}: ${line}`)
    }
  }
  return result
}

/** Waits until udev has done what it does about the changes; without udev nothing starts by itself. */
async function settle({ exec, signal }: TearDownDeps): Promise<void> {
  try {
    await exec('udevadm', ['settle', '--timeout=30'], { timeout: 40_000, signal, okExitCodes: [1] })
  } catch (error) {
    if (!(error instanceof ToolMissingError || error instanceof CommandError)) throw error
  }
}
