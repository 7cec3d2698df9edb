import { join } from 'node:path'
import { bootFigures } from './boot.ts'
import { type Figure, figureLine } from './figure.ts'
import { imageFigures } from './image.ts'
import { liveFigures } from './live.ts'
import { rootFigures } from './root/figures.ts'
import { startupFigures } from './startup.ts'
import { wholeRun } from './wipe/end-to-end.ts'
import { wipeFigures } from './wipe/figures.ts'
import { virtualFigures } from './wipe/virtual-machine.ts'

const project = join(import.meta.dirname, '../..')
const groups: Record<string, () => Promise<Figure[]>> = {
  startup: () => startupFigures(join(project, 'dist/speediso')),
  image: () => imageFigures(join(project, 'dist/image/current')),
  boot: bootFigures,
  live: liveFigures,
  root: rootFigures,
  wipe: async () => [
    ...(await wipeFigures()),
    ...(await wholeRun(join(project, 'dist/speediso'))),
    ...(await virtualFigures()),
  ],
}

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in groups))
if (unknown !== undefined) {
  process.stderr.write(
    `bench: "${unknown}" is no group of figures; groups are ${Object.keys(groups).join(', ')}\n`,
  )
  process.exitCode = 2
} else {
  for (const [name, measure] of Object.entries(groups)) {
    if (asked.length > 0 && !asked.includes(name)) continue
    for (const figure of await measure()) process.stdout.write(`${figureLine(figure)}\n`)
  }
}
