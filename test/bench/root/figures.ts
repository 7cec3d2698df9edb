import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deliverImage } from '../../../src/root/deliver/deliver.ts'
import { makeManifest, manifestBytes } from '../../../src/root/manifest/manifest.ts'
import { scanFile } from '../../../src/root/manifest/scan.ts'
import { imageNames, OWN_FOLDER } from '../../../src/root/names.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { createHttp } from '../../../src/system/http.ts'
import { createHttpStream } from '../../../src/system/http-stream.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'
import { type Figure, median } from '../figure.ts'
import { inTurn, type Run, runProgram } from '../wipe/measure.ts'
import { byteServer } from './byte-server.ts'
import { makeVersions } from './images.ts'

const ROUNDS = 3
const signal = new AbortController().signal

/** Root images: making a manifest, and delivering a new version to a host that has the one before. */
export async function rootFigures(): Promise<Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'speediso-bench-'))
  try {
    const versions = makeVersions(dir)
    return [...(await chunkingFigures(dir, versions.after)), ...(await deltaFigures(dir, versions))]
  } finally {
    await rm(dir, { recursive: true })
  }
}

const has = (tool: string) => {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', tool])
    return true
  } catch {
    return false
  }
}
const secondsOf = (runs: Run[]) => median(runs.map(({ seconds }) => seconds))

async function timed(act: () => Promise<unknown>): Promise<Run> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await act()
  const { user, system } = process.cpuUsage(cpu)
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}

async function chunkingFigures(dir: string, image: string): Promise<Figure[]> {
  const peers: [name: string, needs: string, run: () => Promise<Run>, limit?: number][] = [
    ['sha256sum of it', 'sha256sum', () => runProgram('sha256sum', [image]), 1],
    [
      'casync make, which writes its chunks too',
      'casync',
      () => runProgram('casync', ['make', `--store=${dir}/measured`, join(dir, 'measured.caibx'), image]),
    ],
    [
      'zsyncmake',
      'zsyncmake',
      () => runProgram('zsyncmake', ['-u', 'x', '-o', join(dir, 'measured.zsync'), image]),
    ],
  ]
  const figures: Figure[] = []
  for (const [peer, needs, run, limit] of peers) {
    if (!has(needs)) continue
    const runs = await inTurn(ROUNDS, { own: () => timed(() => scanFile(image, { signal })), peer: run })
    figures.push({
      figure: 'root: chunks and SHA-256 of an image of 512 MiB',
      value: secondsOf(runs.own),
      unit: 's',
      peer,
      peerValue: secondsOf(runs.peer),
      ...(limit === undefined ? {} : { limit: { ratio: limit } }),
    })
  }
  return figures
}

async function deltaFigures(
  dir: string,
  { before, after }: { before: string; after: string },
): Promise<Figure[]> {
  const served = join(dir, 'served')
  mkdirSync(served)
  cpSync(after, join(served, 'new.img'))
  writeFileSync(join(served, 'new.img.json'), await manifestOf(after))
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
    const what = 'root: an image of 512 MiB with one package of 10 MB replaced'
    figures.push(
      {
        figure: `${what}, bytes sent, manifest and all`,
        value: (bytes.own ?? 0) / 1e6,
        unit: 'MB',
        peer,
        peerValue: (bytes.peer ?? 0) / 1e6,
        ...(needs === 'curl' ? { limit: { ratio: 0.05 } } : {}),
      },
      {
        figure: `${what}, delivered and verified, server on the same machine`,
        value: secondsOf(runs.own),
        unit: 's',
        peer,
        peerValue: secondsOf(runs.peer),
      },
    )
  }
  return figures
}

async function manifestOf(file: string): Promise<Buffer> {
  const facts = {
    image: '0f1e2d3c-4b5a-4968-8776-655443322110',
    version: '1',
    kernelRelease: '6.12',
    created: '2026-01-01T00:00:00Z',
  }
  return manifestBytes(await makeManifest(file, facts, { signal }))
}
