import * as z from 'zod'

/** A field of another type than expected is taken as not stated: drives and versions of smartctl differ. */
const count = z.number().nonnegative().optional().catch(undefined)
const flag = z.boolean().optional().catch(undefined)

const attributeSchema = z.object({
  id: z.number(),
  name: z.string(),
  value: count,
  thresh: count,
  when_failed: z.string().optional().catch(undefined),
  raw: z.object({ value: z.number(), string: z.string() }),
})

const errorCounters = z.object({ total_uncorrected_errors: count }).optional().catch(undefined)
const selfTests = z
  .object({ error_count_total: count, error_count_outdated: count })
  .optional()
  .catch(undefined)

/** What is used of `smartctl --json -x`, smartmontools 7.0 to 7.5. */
export const smartOutputSchema = z.object({
  smartctl: z.object({
    exit_status: z.number(),
    messages: z
      .array(z.object({ string: z.string(), severity: z.string() }))
      .optional()
      .catch(undefined),
  }),
  device: z.object({ type: z.string(), protocol: z.string() }).partial().optional().catch(undefined),
  smart_support: z.object({ available: flag, enabled: flag }).optional().catch(undefined),
  smart_status: z.object({ passed: flag }).optional().catch(undefined),
  temperature: z.object({ current: z.number().optional() }).optional().catch(undefined),
  power_on_time: z.object({ hours: count }).optional().catch(undefined),
  endurance_used: z.object({ current_percent: count }).optional().catch(undefined).describe('since 7.5'),
  ata_smart_attributes: z
    .object({ table: z.array(attributeSchema) })
    .optional()
    .catch(undefined),
  ata_smart_error_log: z
    .object({
      summary: z.object({ count }).optional().catch(undefined),
      extended: z.object({ count }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  ata_smart_self_test_log: z.object({ standard: selfTests, extended: selfTests }).optional().catch(undefined),
  ata_device_statistics: z
    .object({
      pages: z.array(
        z.object({
          number: z.number(),
          table: z.array(z.object({ offset: z.number(), value: count, flags: z.object({ valid: flag }) })),
        }),
      ),
    })
    .optional()
    .catch(undefined),
  ata_pending_defects_log: z.object({ count }).optional().catch(undefined),
  nvme_smart_health_information_log: z
    .object({
      critical_warning: count,
      percentage_used: count,
      available_spare: count,
      available_spare_threshold: count,
      media_errors: count,
      num_err_log_entries: count,
    })
    .optional()
    .catch(undefined),
  scsi_grown_defect_list: count,
  scsi_pending_defects: z.object({ count }).optional().catch(undefined),
  scsi_percentage_used_endurance_indicator: count,
  scsi_error_counter_log: z
    .object({ read: errorCounters, write: errorCounters, verify: errorCounters })
    .optional()
    .catch(undefined),
})

export type SmartOutput = z.infer<typeof smartOutputSchema>
