import type { Verdict } from '../../../src/runtime/verdict.ts'
import { NOT_AN_ERASURE } from './levels.ts'
import type { CertificateDevice, CertificateDisk } from './schema.ts'

/** The one word for a result that people read first. Only what is proved is called erased. */
export function verdictWords(verdict: Verdict, disks: readonly Pick<CertificateDisk, 'method'>[]): string {
  if (disks.length > 0 && disks.every(({ method }) => method === 'signatures')) return NOT_AN_ERASURE
  return { passed: 'ERASED', failed: 'ERASURE FAILED', unknown: 'ERASURE NOT PROVED' }[verdict]
}

export function deviceWords({ path, model, serial }: CertificateDevice): string {
  return `${model ?? 'model unknown'}, serial ${serial ?? 'unknown'} (${path})`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** As disks are sold: powers of 1,000, three digits; exact bytes below that. */
export function sizeWords(bytes: number): string {
  let power = 0
  let rest = bytes
  while (rest >= 999.5 && power < UNITS.length - 1) {
    rest /= 1000
    power += 1
  }
  const digits = power === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2
  return `${rest.toFixed(digits)} ${UNITS[power]}`
}

/** Bytes with separators between the thousands. */
export function exactBytes(bytes: number): string {
  return `${String(bytes).replaceAll(/\B(?=(\d{3})+$)/g, ',')} bytes`
}

/** `1 d 02:03:04`, `02:03:04`; below a minute in seconds. */
export function durationWords(seconds: number): string {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`
  const whole = Math.round(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  const clock = [Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60].map(two).join(':')
  return whole >= 86_400 ? `${Math.floor(whole / 86_400)} d ${clock}` : clock
}

/** `2025-11-21 05:47:09 UTC`. */
export function timeWords(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, '$1 $2 UTC')
}
