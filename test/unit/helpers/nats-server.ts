import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { temporaryDir } from './temporary.ts'

export interface NatsServerOptions {
  /** Further lines of its configuration. */
  config?: string
  jetstream?: boolean
  /** What its JetStream may store, as its configuration writes it. */
  storage?: string
}

export interface NatsServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`, the same after a restart. */
  readonly host: string
  start(): Promise<void>
  /** Kills it, as a crash does; what it has stored stays. */
  kill(): Promise<void>
}

const base = temporaryDir()
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A real nats-server on a port of its own; not started yet. */
export async function natsServer({
  config = '',
  jetstream = true,
  storage = '8GB',
}: NatsServerOptions = {}): Promise<NatsServer> {
  const port = await freePort()
  const dir = join(base, String(port))
  mkdirSync(dir)
  const file = join(dir, 'server.conf')
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}\n${jetstream ? `jetstream { store_dir: "${dir}", max_file_store: ${storage} }\n` : ''}${config}\n`,
  )
  let child: ChildProcess | undefined
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
    children.delete(child)
  }
  return {
    host: `127.0.0.1:${port}`,
    async start() {
      child = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
      children.add(child)
      const said: string[] = []
      if (child.stderr === null) throw new Error('no stderr')
      for await (const line of createInterface(child.stderr)) {
        said.push(line)
        if (line.includes('Server is ready')) {
          child.stderr.resume()
          return
        }
      }
      throw new Error(`nats-server did not start:\n${said.join('\n')}`)
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
