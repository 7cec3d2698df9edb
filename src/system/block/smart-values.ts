import type { SmartHealth } from './smart-health.ts'
import type { SmartOutput } from './smart-output.ts'

/**
 * The readings that count. ATA attributes are the makers' own: one is taken only when number *and* name say the same,
 * because drives give 197 to 199 other meanings too (drivedb.h of smartmontools: `Host_Reads_GiB`, `Not_In_Use`, …).
 */
export function healthValues(output: SmartOutput): Omit<SmartHealth, 'warnings'> {
  const nvme = output.nvme_smart_health_information_log
  const errors = output.ata_smart_error_log
  const pendingLog = output.ata_pending_defects_log?.count
  return {
    passed: output.smart_status?.passed ?? null,
    temperatureC: output.temperature?.current ?? null,
    powerOnHours: output.power_on_time?.hours ?? null,
    percentageUsed: nvme?.percentage_used ?? output.endurance_used?.current_percent ?? wear(output),
    reallocated: attribute(output, 5, /realloc|retired/i) ?? output.scsi_grown_defect_list ?? null,
    pending:
      attribute(output, 197, /pending/i) ??
      output.scsi_pending_defects?.count ??
      // All ones is a filler and no count.
      (pendingLog === 0xffffffff ? undefined : pendingLog) ??
      null,
    offlineUncorrectable: attribute(output, 198, /uncor|unc_?sect/i),
    uncorrectable: nvme?.media_errors ?? attribute(output, 187, /unc|_ue_/i) ?? uncorrectedBySCSI(output),
    interfaceErrors: attribute(output, 199, /crc/i),
    errorLogEntries: nvme?.num_err_log_entries ?? errors?.extended?.count ?? errors?.summary?.count ?? null,
    spare:
      nvme?.available_spare === undefined || nvme.available_spare_threshold === undefined
        ? null
        : { available: nvme.available_spare, threshold: nvme.available_spare_threshold },
  }
}

/**
 * The number that smartctl shows first. `raw.value` is all 48 bits, of which some attributes (5 by default) keep other
 * counters in the upper ones.
 */
function attribute(output: SmartOutput, id: number, name: RegExp): number | null {
  const found = output.ata_smart_attributes?.table.find((each) => each.id === id && name.test(each.name))
  const shown = /^\d+/.exec(found?.raw.string ?? '')?.[0]
  return shown === undefined ? null : Number(shown)
}

/** ACS-5, Solid State Device Statistics (log 04h, page 07h), offset 8: Percentage Used Endurance Indicator. */
function wear(output: SmartOutput): number | null {
  const page = output.ata_device_statistics?.pages.find(({ number }) => number === 7)
  const used = page?.table.find(({ offset }) => offset === 8)
  if (used?.flags.valid === true && used.value !== undefined) return used.value
  return output.scsi_percentage_used_endurance_indicator ?? null
}

function uncorrectedBySCSI({ scsi_error_counter_log: log }: SmartOutput): number | null {
  const counts = [log?.read, log?.write, log?.verify]
    .map((each) => each?.total_uncorrected_errors)
    .filter((each) => each !== undefined)
  return counts.length === 0 ? null : counts.reduce((sum, each) => sum + each, 0)
}
