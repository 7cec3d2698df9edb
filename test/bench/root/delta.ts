import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { deliverImage } from '../../../src/root/deliver/deliver.ts'
import { makeManifest, manifestBytes } from '../../../src/root/manifest/manifest.ts'
import { imageNames, OWN_FOLDER } from '../../../src/root/names.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { createHttp } from '../../../src/system/http.ts'
import { createHttpStream } from '../../../src/system/http-stream.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'
import type { Figure } from '../figure.ts'
import { inTurn, type Run, runProgram } from '../wipe/measure.ts'
import { byteServer } from './byte-server.ts'
import { has, ROUNDS, secondsOf, timed } from './run.ts'

const signal = new AbortController().signal

export interface Versions {
  before: string
  after: string
}

/** What a host that has one version fetches to get the next, and how long that takes, beside others that do the same. */
export async function deltaFigures(
  dir: string,
  { before, after }: Versions,
  { what, limits }: { what: string; limits: Readonly<Record<string, number>> },
): Promise<Figure[]> {
  const served = join(dir, 'served')
  mkdirSync(served)
  cpSync(after, join(served, 'new.img'))
  writeFileSync(join(served, 'new.img.json'), await manifestOf(after, join(served, 'new.img.chunks')))
  const hostpart = join(dir, 'hostpart')
  const names = imageNames()
  const own = join(hostpart, OWN_FOLDER)
  mkdirSync(join(own, 'manifests'), { recursive: true })
  execFileSync('cp', ['--sparse=always', before, join(hostpart, names.current)])
  writeFileSync(join(own, 'manifests/before.json'), await manifestOf(before))

  await using server = await byteServer(served)
  const url = `${server.url}/new.img`
  const out = join(dir, 'out.img')
  const root = createMachineRoot('/')
  const deps = { http: createHttp(root), stream: createHttpStream(root), clock: systemClock, signal }
  const bytes: Record<string, number> = {}
  const counted = (name: string, run: () => Promise<Run>) => async () => {
    await rm(out, { force: true })
    await rm(join(own, 'incoming'), { recursive: true, force: true })
    server.takeSent()
    const measured = await run()
    bytes[name] = server.takeSent()
    const made = name === 'own' ? execFileSync('find', [join(own, 'incoming'), '-name', '*.part']) : out
    // Who is fast because it is not the image is not measured.
    execFileSync('cmp', [after, made.toString().trim()])
    return measured
  }
  const peers: [name: string, needs: string, run: () => Promise<Run>][] = [
    ['curl of the whole', 'curl', () => runProgram('curl', ['-sS', '-o', out, url])],
    ['zsync', 'zsync', () => runProgram('zsync', ['-i', before, '-o', out, `${url}.zsync`])],
    [
      'casync extract',
      'casync',
      () =>
        runProgram('casync', [
          'extract',
          `--store=${server.url}/store`,
          `--seed=${before}`,
          `${url}.caibx`,
          out,
        ]),
    ],
  ]
  if (has('zsyncmake'))
    execFileSync('zsyncmake', ['-u', 'new.img', '-o', join(served, 'new.img.zsync'), after], {
      stdio: 'pipe',
    })
  if (has('casync'))
    execFileSync('casync', ['make', `--store=${served}/store`, join(served, 'new.img.caibx'), after], {
      stdio: 'pipe',
    })
  const figures: Figure[] = []
  for (const [peer, needs, run] of peers) {
    if (!has(needs)) continue
    const runs = await inTurn(ROUNDS, {
      own: counted('own', () =>
        timed(() => deliverImage(url, { hostpart, names }, { keys: [], reserve: 0 }, deps)),
      ),
      peer: counted('peer', run),
    })
    figures.push(
      {
        figure: `root: ${what}, bytes sent, manifest and all`,
        value: (bytes.own ?? 0) / 1e6,
        unit: 'MB',
        peer,
        peerValue: (bytes.peer ?? 0) / 1e6,
        ...(limits[needs] === undefined ? {} : { limit: { ratio: limits[needs] } }),
      },
      {
        figure: `root: ${what}, delivered and verified, server on the same machine`,
        value: secondsOf(runs.own),
        unit: 's',
        peer,
        peerValue: secondsOf(runs.peer),
      },
    )
  }
  return figures
}

async function manifestOf(file: string, pack?: string): Promise<Buffer> {
  const facts = {
    image: '0f1e2d3c-4b5a-4968-8776-655443322110',
    version: '1',
    kernelRelease: '6.12',
    created: '2026-01-01T00:00:00Z',
  }
  return manifestBytes(await makeManifest(file, facts, { signal }, pack))
}
