import { runTask } from '../../../src/runtime/run-task.ts'
import { inventory } from '../../../tasks/inventory/task.ts'
import { openMachine } from '../../unit/helpers/machine-tree.ts'
import { context } from '../../unit/helpers/tasks.ts'

/** The report of the inventory of a recorded server. */
export async function recordedInventory() {
  const { root, exec } = openMachine('qemu-bios-server')
  const options = inventory.options.parse({ sections: 'all' })
  const request = { name: 'inventory', options, timeout: 60_000 }
  return runTask(inventory, request, context({ root, exec }), () => {})
}
