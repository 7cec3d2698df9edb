import { existsSync } from 'node:fs'
import { InputError } from '../errors.ts'
import { RUN_DIR } from '../runtime/paths.ts'

/** Why there is nothing to tell of a folder in which no job was started. */
export function noJobIn(dir: string): InputError {
  if (existsSync(dir))
    return new InputError(`${dir}: no job was started here`, { hint: 'name its folder by --run-dir' })
  if (dir === RUN_DIR)
    return new InputError('no job was started since this host was booted', {
      hint: 'speediso boot starts it; --run-dir names the folder of another',
    })
  return new InputError(`${dir}: there is no such folder`, { hint: 'name one that a job has written' })
}
