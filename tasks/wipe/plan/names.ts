import type { Target } from '../../../src/runtime/task.ts'
import type { DiskId } from '../schema.ts'

/** For ids: cciss/c0d0 has a slash. */
export function idOf({ name }: DiskId): string {
  return name.replaceAll(/[!/]/g, '-')
}

/** Enough to know it by in one line. */
export function shortName({ path, serial, wwn }: DiskId): string {
  const name = serial ?? wwn
  return name === undefined ? path : `${path} (${name})`
}

export function targetOf({ path, serial, wwn, model, sizeBytes }: DiskId): Target {
  return {
    path,
    ...(serial === undefined ? {} : { serial }),
    ...(wwn === undefined ? {} : { wwn }),
    ...(model === undefined ? {} : { model }),
    ...(sizeBytes === 0 ? {} : { sizeBytes }),
  }
}
