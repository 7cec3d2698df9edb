import type { Exec } from '../exec.ts'
import { type Finding, mapKnown, unknown } from '../finding.ts'
import { statedText } from '../placeholder.ts'
import { runTool } from '../run-tool.ts'

export interface DriverInfo {
  driver: Finding<string>
  firmware: Finding<string>
}

// usbnet drivers fill the field with a description of the device.
const DESCRIBES_DEVICE = /^(cdc_|rndis_|asix|ax88|smsc|r8152$)/

/** `ethtool -i`: it has no JSON form. */
export async function readDriverInfo(exec: Exec, name: string, signal?: AbortSignal): Promise<DriverInfo> {
  const source = `ethtool -i ${name}`
  const fields = mapKnown(await runTool(exec, 'ethtool', ['-i', name], { signal }), parseFields)
  if (fields.status !== 'known') return { driver: fields, firmware: fields }
  const driver = statedText(fields.value.get('driver'), 'driver', source)
  const firmware = statedText(fields.value.get('firmware-version'), 'firmware version', source)
  if (driver.status === 'known' && DESCRIBES_DEVICE.test(driver.value)) {
    return { driver, firmware: unknown(`${driver.value} reports no firmware version`, source) }
  }
  return { driver, firmware }
}

function parseFields(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^([\w-]+):[ \t]*(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  )
}
