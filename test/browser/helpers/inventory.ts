import { runTask } from '../../../src/runtime/run-task.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { inventory } from '../../../tasks/inventory/task.ts'
import { openMachine } from '../../unit/helpers/machine-tree.ts'

/** The report of the inventory of a recorded server. */
export async function recordedInventory() {
  const { root, exec } = openMachine('qemu-bios-server')
  const options = inventory.options.parse({ sections: 'all' })
  const request = { name: 'inventory', options, timeout: 60_000 }
  const { signal } = new AbortController()
  return runTask(inventory, request, { root, exec, clock: systemClock, signal }, () => {})
}
