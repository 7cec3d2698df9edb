import { SpeedisoError } from '../../errors.ts'
import { maskCredentials } from '../../mask.ts'
import type { Http } from '../../system/http.ts'
import { HttpError } from '../../system/http-ask.ts'
import type { Report } from '../report.ts'
import { readAddresses } from './addresses.ts'
import type { ChannelDependencies } from './deps.ts'
import { type Facts, foremanFacts } from './foreman-facts.ts'
import { expectSuccess, RefusedError } from './post.ts'

export interface ForemanRequest {
  http: Http
  timeout: number
  signal: AbortSignal
}

/** Foreman has understood and will not take it, however often it is asked. */
export class ForemanRefusal extends SpeedisoError {
  override readonly code: string = 'foreman-refusal'
}

/**
 * `POST /api/v2/discovered_hosts/facts` with `{"facts": {…}}`: the host is created, or found by the MAC in
 * `discovery_bootif`, as a discovered one. It takes no login. Documented in the API of the discovery plugin (apipie of
 * app/controllers/api/v2/discovered_hosts_controller.rb, theforeman/foreman_discovery); the image of Foreman itself
 * calls it so (root/usr/lib64/ruby/vendor_ruby/discovery.rb, theforeman/foreman-discovery-image).
 * @throws ForemanRefusal for 422, which is how it says that the facts or the host do not suit it
 */
export async function uploadFacts(server: string, facts: Facts, request: ForemanRequest): Promise<void> {
  const url = `${base(server)}/api/v2/discovered_hosts/facts`
  const { http, ...limits } = request
  const answer = await http(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ facts }),
    ...limits,
  })
  if (answer.status === 422) {
    const said = answer.body.toString('utf8').slice(0, 300)
    throw new ForemanRefusal(`${maskCredentials(url)} answers 422: ${said}`)
  }
  expectSuccess(answer, url)
}

/**
 * `POST /unattended/built?token=…`: the host leaves build mode, so that its next network boot starts what is installed.
 * Documented in the template `built` that all of Foreman's own installations end with
 * (app/views/unattended/provisioning_templates/snippet/built.erb, theforeman/foreman) and in `built` of
 * app/controllers/unattended_controller.rb: 201 done, 405 not in build mode, 404 no host of that token, 409 could not.
 * @returns whether the host was in build mode
 */
export async function callBuilt(server: string, token: string, request: ForemanRequest): Promise<boolean> {
  const url = `${base(server)}/unattended/built?token=${encodeURIComponent(token)}`
  const { http, ...limits } = request
  const headers = { 'content-type': 'text/plain' }
  const answer = await http(url, { method: 'POST', headers, body: '', ...limits })
  if (answer.status === 405) return false
  expectSuccess(answer, url)
  return true
}

/** The connection was there, and an answer was not, or not the whole of it. */
const ANSWER_LOST: ReadonlySet<unknown> = new Set([
  'timeout',
  'too-large',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])

/** Whether Foreman may have heard a call that ended with this error: its answer was lost, by us or by a proxy before it. */
export function mayHaveArrived(error: unknown): boolean {
  if (error instanceof RefusedError) return error.status === 502 || error.status === 504
  // What is no error of HTTP is our own end of the attempt.
  return !(error instanceof HttpError) || ANSWER_LOST.has(error.facts.code)
}

/** What Foreman is told of this host. */
export async function gatherFacts(report: Report, deps: ChannelDependencies): Promise<Facts> {
  const { identity, mac, root, exec, clock, signal } = deps
  return foremanFacts({
    identity,
    report,
    mac,
    interfaces: await readAddresses(exec, signal),
    machine: await root.readText('/proc/sys/kernel/arch').catch(() => undefined),
    time: clock.now(),
  })
}

function base(server: string): string {
  return server.replace(/\/+$/, '')
}
