import { DEFAULT_LISTEN, DEFAULT_WAIT } from './parameters.ts'
import type { Job } from './schema.ts'

/** The job of a command line that says nothing: the plain live system. */
export function emptyJob(): Job {
  return {
    schema: 'speediso.job/1',
    tasks: [],
    after: 'stay',
    after_failure: 'stay',
    timeout: null,
    confirm: [],
    log: { listen: DEFAULT_LISTEN, token: null, tls: false },
    ssh_keys: [],
    file: { url: null, sha256: null, wait: DEFAULT_WAIT.file },
    report: { url: null, token: null, hmac_key: null, wait: DEFAULT_WAIT.report },
    foreman: { url: null, token: null },
    nats: null,
    ntp: [],
  }
}
