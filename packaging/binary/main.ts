import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BuildError, explain } from '../lib/errors.ts'
import { hashValue, sha256File } from '../lib/hash.ts'
import { createRun, requireTools } from '../lib/run.ts'
import { sourceVersion } from '../lib/version.ts'
import { writeSchemas } from '../schema/write.ts'
import { bundle } from './bundle.ts'
import { makeExecutable, stripNode } from './executable.ts'
import { writePage } from './page.ts'

/** Bytes; the executable lies in memory whole when it runs from an initramfs. */
const SIZE_LIMIT = 120e6

/** Builds `dist/speediso`; what is unchanged is not built again. */
async function main(): Promise<void> {
  await requireTools({ strip: 'binutils' })
  const project = resolve(import.meta.dirname, '../..')
  const work = join(project, 'dist/.build')
  const output = join(project, 'dist/speediso')
  const script = join(work, 'speediso.cjs')
  await mkdir(work, { recursive: true })
  const log = join(work, 'binary.log')
  await rm(log, { force: true })
  const run = createRun(log)
  const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string }
  const { describe } = await sourceVersion(project, version)
  await bundle({ entry: join(project, 'src/main.ts'), output: script, version, commit: describe })
  const page = join(work, 'page.json')
  await writePage(project, page)
  await writeSchemas(join(project, 'dist/schema'))

  const node = join(work, `node-${process.version}-stripped`)
  if (!(await exists(node))) await stripNode(process.execPath, node, run)

  const inputs = [script, node, page, join(import.meta.dirname, 'executable.ts')]
  const key = hashValue(await Promise.all(inputs.map(sha256File)))
  const stamp = join(work, 'speediso.hash')
  if ((await exists(output)) && (await readFile(stamp, 'utf8').catch(() => '')) === key) {
    process.stdout.write(`${output}: unchanged\n`)
    return
  }
  await makeExecutable({ script, node, output, assets: { 'page.json': page }, work }, run)
  const { size } = await stat(output)
  if (size > SIZE_LIMIT) throw new BuildError(`${output}: ${size} bytes, more than ${SIZE_LIMIT}`)
  const told = await run(output, ['--version'])
  await writeFile(stamp, key)
  process.stdout.write(`${output}: ${told.trim()}, ${(size / 1e6).toFixed(1)} MB\n`)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

main().catch((error: unknown) => {
  process.stderr.write(`binary: ${explain(error)}\n`)
  process.exitCode = 1
})
