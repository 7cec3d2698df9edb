import { resolveJob } from '../../../src/job/resolve.ts'
import { type Boot, beginBoot } from '../../../src/runtime/boot.ts'
import { loadCatalogue } from '../../../src/runtime/catalogue.ts'
import { runPaths } from '../../../src/runtime/paths.ts'
import type { Report } from '../../../src/runtime/report.ts'
import type { AnyTask } from '../../../src/runtime/task.ts'
import { type Act, context, fakeTask } from './tasks.ts'

export type FakeBoot = Omit<Boot, 'run'> & { run(): Promise<Report> }

/** A boot with the tasks `fake` (two steps) and `next`, whose steps all do this act; `over` changes `fake`. */
export async function beginFakeBoot(
  dir: string,
  act: Act,
  cmdline = 'SPEEDISO=fake,next',
  over: Partial<AnyTask> = {},
): Promise<FakeBoot> {
  const registry = {
    fake: async (): Promise<AnyTask> => fakeTask({ 'x-1': act, 'x-2': act }, over),
    next: async (): Promise<AnyTask> => fakeTask({ a: act }, { name: 'next' }),
  }
  const catalogue = await loadCatalogue(registry)
  const resolved = resolveJob(cmdline, catalogue)
  const boot = await beginBoot({ ...context(), registry, catalogue, paths: runPaths(dir) })
  return { ...boot, run: () => boot.run(resolved) }
}
