/** What a confirmation may name a machine by. */
export interface MachineNames {
  macs: readonly string[]
  serial?: string | undefined
  uuid?: string | undefined
}

/**
 * The name among the confirmations that means this very machine, or undefined: then nothing destructive may run.
 * MACs compare without separators and case (PXELinux's `01-` hardware type prefix is dropped), UUIDs without case,
 * serials to the letter.
 */
export function confirmedBy(confirmations: readonly string[], machine: MachineNames): string | undefined {
  const macs = new Set(machine.macs.map(bareMac).filter((mac) => mac !== undefined))
  const uuid = machine.uuid?.toLowerCase()
  return confirmations.find((name) => {
    const mac = bareMac(name)
    return (
      (mac !== undefined && macs.has(mac)) ||
      (uuid !== undefined && uuid !== '' && name.toLowerCase() === uuid) ||
      (machine.serial !== undefined && machine.serial !== '' && name === machine.serial)
    )
  })
}

function bareMac(text: string): string | undefined {
  const match = /^(?:01-)?([0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5})$/i.exec(text)
  return match?.[1]?.replaceAll(/[:-]/g, '').toLowerCase()
}

/**
 * The gate before every destructive task: why it must not even be planned for a run on this machine, or undefined when
 * it may. A task that changes nothing always may.
 */
export function refusal(
  task: { name: string; destructive: boolean },
  confirmations: readonly string[],
  machine: MachineNames,
): string | undefined {
  if (!task.destructive || confirmedBy(confirmations, machine) !== undefined) return undefined
  const own = [...machine.macs, machine.serial, machine.uuid].filter((name) => name !== undefined).join(', ')
  const given = confirmations.length === 0 ? 'is not given' : `names ${confirmations.join(', ')}`
  return `${task.name} is destructive and speediso.confirm= ${given}; this machine is ${own === '' ? 'nameless' : own}`
}
