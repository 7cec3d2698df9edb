import type { SmartOutput } from './smart-output.ts'

/** NVM Express base specification 2.0, SMART / Health Information log (02h), Critical Warning, from bit 0. */
const CRITICAL = [
  'its spare capacity is below the threshold',
  'its temperature is outside the limits',
  'its reliability is degraded by media errors or an internal error',
  'its media is read-only',
  'its volatile memory backup has failed',
  'its persistent memory region is read-only or unreliable',
]

/** What the drive warns of. Bits 3 to 7 of the exit status are those of smartctl(8). */
export function healthWarnings(output: SmartOutput): string[] {
  const status = output.smartctl.exit_status
  const set = (bit: number) => (status & (1 << bit)) !== 0
  const critical = output.nvme_smart_health_information_log?.critical_warning ?? 0
  return [
    ...(output.smart_status?.passed === false || set(3) ? ['the drive says that it is failing'] : []),
    ...CRITICAL.filter((_, bit) => (critical & (1 << bit)) !== 0).map((text) => `the drive warns: ${text}`),
    ...attributesThatFailed(output, set(4), set(5)),
    ...(set(7) ? ['its log of self-tests holds failed ones'] : []),
  ]
}

function attributesThatFailed(output: SmartOutput, now: boolean, past: boolean): string[] {
  const table = output.ata_smart_attributes?.table ?? []
  const lines = (when: string, words: string) =>
    table
      .filter(({ when_failed }) => when_failed === when)
      .map(({ id, name, value, thresh }) =>
        [
          `attribute ${id} (${name}) ${words}`,
          ...(value === undefined || thresh === undefined ? [] : [`value ${value}, threshold ${thresh}`]),
        ].join(': '),
      )
  const failing = lines('now', 'is at or below its threshold')
  const failed = lines('past', 'has been at or below its threshold')
  return [
    ...(now && failing.length === 0 ? ['a prefail attribute is at or below its threshold'] : failing),
    ...(past && failed.length === 0 ? ['an attribute has been at or below its threshold'] : failed),
  ]
}
