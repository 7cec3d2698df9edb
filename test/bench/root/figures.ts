import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestFile, scanFile } from '../../../src/root/manifest/scan.ts'
import type { Figure } from '../figure.ts'
import { inTurn, type Run, runProgram } from '../wipe/measure.ts'
import { deltaFigures } from './delta.ts'
import { makeVersions } from './images.ts'
import { has, ROUNDS, secondsOf, timed } from './run.ts'
import { switchFigures } from './switch.ts'
import { makeUpdated } from './updated.ts'

const signal = new AbortController().signal

/** Root images: proving one, delivering a new version to a host that has the one before, and what a boot takes longer. */
export async function rootFigures(): Promise<Figure[]> {
  const figures: Figure[] = []
  await inFolder(async (dir) => {
    const versions = makeVersions(dir)
    figures.push(...(await chunkingFigures(dir, versions.after)), ...(await verifyFigures(versions.after)))
    const what = 'an image of 512 MiB with one package of 10 MB replaced'
    figures.push(...(await deltaFigures(dir, versions, { what, limits: { curl: 0.05 } })))
  })
  await inFolder(async (dir) => {
    const what = 'hn-root.img after its dpkg has upgraded ten packages'
    figures.push(...(await deltaFigures(dir, makeUpdated(dir), { what, limits: { curl: 0.25, casync: 1 } })))
  })
  figures.push(...(await switchFigures()))
  return figures
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'speediso-bench-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true })
  }
}

/** As a candidate with a manifest is proved, in MB/s. */
async function verifyFigures(image: string): Promise<Figure[]> {
  const { size } = await stat(image)
  const runs = await inTurn(ROUNDS, {
    own: () => timed(() => digestFile(image, { signal })),
    peer: () => runProgram('sha256sum', [image]),
  })
  const rate = (of: Run[]) => size / 1e6 / secondsOf(of)
  const peer = 'sha256sum of it'
  return [
    { figure: 'root: verification', value: rate(runs.own), unit: 'MB/s', peer, peerValue: rate(runs.peer) },
  ]
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
