import { availableParallelism } from 'node:os'

/** A folder of test files. */
export interface Suite {
  name: string
  /** Glob. */
  files: string
  /** Files that take longest, so that none of them is left alone in the end. */
  first?: string[]
  /** Milliseconds for one file. */
  limit: number
  /** How many files at once. */
  parallel: number
  /** Each file has mounts of its own; needs root. */
  ownMounts?: boolean
  /** Scripts that must have succeeded before, with their arguments. */
  needs: string[]
}

export const MINUTE = 60_000

const BINARY = 'packaging/binary/main.ts'
const IMAGE = 'packaging/image/main.ts'
const ROOT_IMAGE = `${IMAGE} --flavour root`
/** One with another kernel. */
const CLOUD_IMAGE = `${ROOT_IMAGE} --kernel linux-image-cloud-amd64 --output dist/image-root-cloud`

export const SUITES: Suite[] = [
  {
    name: 'unit',
    files: 'test/unit/**/*.test.ts',
    limit: 2 * MINUTE,
    parallel: availableParallelism(),
    needs: [],
  },
  // Explores every state; minutes of computing.
  {
    name: 'model',
    files: 'test/model/*.test.ts',
    limit: 10 * MINUTE,
    parallel: availableParallelism(),
    needs: [],
  },
  { name: 'binary', files: 'test/binary/*.test.ts', limit: 3 * MINUTE, parallel: 1, needs: [BINARY] },
  // Wants a Chromium on PATH.
  { name: 'browser', files: 'test/browser/*.test.ts', limit: 4 * MINUTE, parallel: 1, needs: [] },
  {
    name: 'block',
    files: 'test/block/*.test.ts',
    limit: 5 * MINUTE,
    parallel: availableParallelism(),
    ownMounts: true,
    needs: [],
  },
  {
    name: 'vm',
    files: 'test/vm/*.test.ts',
    first: ['test/vm/root-power-cut.test.ts', 'test/vm/root-bad-images.test.ts'],
    limit: 45 * MINUTE,
    // A machine with one emulated processor keeps one core busy.
    parallel: 2,
    ownMounts: true,
    needs: [BINARY, IMAGE, ROOT_IMAGE, CLOUD_IMAGE],
  },
]

/** Not the whole tree: links of the image overlay point into an image. */
const LINTED = ['src', 'tasks', 'packaging', 'test', 'package.json', 'tsconfig.json', 'biome.json']

/** Checks of the sources, by name: scripts for Node with their arguments. */
export const CHECKS: [name: string, command: string[]][] = [
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']],
  ['types of the page', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'src/live/page']],
  ['lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', ...LINTED]],
]
