import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection, TlsOptions } from '@nats-io/transport-node'
import type { NatsAddress } from './address.ts'
import { natsError } from './errors.ts'

/** Milliseconds: for a connection with its handshake, and for an answer of JetStream. */
const CONNECT_LIMIT = 10_000
const ANSWER_LIMIT = 10_000
/** A server that answers no ping for three of these is gone, in milliseconds. */
const PING_INTERVAL = 20_000

export interface Connection extends AsyncDisposable {
  nats: NatsConnection
  jetstream: JetStreamClient
  manager: JetStreamManager
  /** Aborted, with a NatsError as its reason, when the connection ends. */
  lost: AbortSignal
  shown: string
}

/**
 * One connection, which ends when it breaks: whoever uses it has to look again at what the server holds before going on.
 * @throws NatsError when there is none, or the signal's reason
 */
export async function connectNats(
  address: NatsAddress,
  name: string,
  signal: AbortSignal,
): Promise<Connection> {
  const { host, port, tls, auth, shown } = address
  // Loaded here, so that a boot without NATS does not pay for it.
  const [{ connect }, { jetstream }] = await Promise.all([
    import('@nats-io/transport-node'),
    import('@nats-io/jetstream'),
  ])
  signal.throwIfAborted()
  const connecting = connect({
    servers: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    name,
    reconnect: false,
    timeout: CONNECT_LIMIT,
    pingInterval: PING_INTERVAL,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    ...auth,
    // The package names the host to TLS only when it has a name; Node takes this one to check an address by.
    ...(tls ? { tls: { host } as TlsOptions } : {}),
  })
  const nats = await orAborted(connecting, signal).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw natsError(shown, cause)
  })
  const lost = new AbortController()
  void nats.closed().then((cause) => lost.abort(natsError(shown, cause ?? undefined)))
  const client = jetstream(nats, { timeout: ANSWER_LIMIT })
  return {
    nats,
    jetstream: client,
    manager: await client.jetstreamManager(false),
    lost: lost.signal,
    shown,
    [Symbol.asyncDispose]: () => nats.close(),
  }
}

/** A connection that comes after the signal is closed again. */
async function orAborted(connecting: Promise<NatsConnection>, signal: AbortSignal): Promise<NatsConnection> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => {
    aborted.reject(signal.reason)
    connecting.then(
      (nats) => nats.close(),
      () => undefined,
    )
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([connecting, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
