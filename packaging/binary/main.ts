import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { explain, SpeedisoError } from '../../src/errors.ts'
import { createExec } from '../../src/system/exec.ts'
import { bundle } from './bundle.ts'
import { makeExecutable, stripNode } from './executable.ts'

/** Bytes; the executable lies in memory whole when it runs from an initramfs. */
const SIZE_LIMIT = 120e6

/** Builds `dist/speediso`; what is unchanged is not built again. */
async function main(): Promise<void> {
  const exec = createExec()
  const project = resolve(import.meta.dirname, '../..')
  const work = join(project, 'dist/.build')
  const output = join(project, 'dist/speediso')
  const script = join(work, 'speediso.cjs')
  await mkdir(work, { recursive: true })
  const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string }
  const described = await exec('git', ['describe', '--tags', '--always', '--dirty'], { cwd: project })
  await bundle({
    entry: join(project, 'src/main.ts'),
    output: script,
    version,
    commit: described.stdout.trim(),
  })

  const node = join(work, `node-${process.version}-stripped`)
  if (!(await exists(node))) await stripNode(process.execPath, node, exec)

  const key = await hashOf([script, node, join(import.meta.dirname, 'executable.ts')])
  const stamp = join(work, 'speediso.hash')
  if ((await exists(output)) && (await readText(stamp)) === key) {
    process.stdout.write(`${output}: unchanged\n`)
    return
  }
  await makeExecutable({ script, node, output, work }, exec)
  const { size } = await stat(output)
  if (size > SIZE_LIMIT) throw new SpeedisoError(`${output}: ${size} bytes, more than ${SIZE_LIMIT}`)
  const told = await exec(output, ['--version'])
  await writeFile(stamp, key)
  process.stdout.write(`${output}: ${told.stdout.trim()}, ${(size / 1e6).toFixed(1)} MB\n`)
}

async function hashOf(paths: string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(await readFile(path))
  return hash.digest('hex')
}

async function readText(path: string): Promise<string | undefined> {
  return (await exists(path)) ? readFile(path, 'utf8') : undefined
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
