import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { explainInLine } from '../../errors.ts'
import type { Act } from '../../root/acts.ts'
import { apply } from '../../root/apply.ts'
import { decide } from '../../root/decide.ts'
import { settle } from '../../root/freeze.ts'
import { createStartThawGuard } from '../../root/freeze-guard.ts'
import { loadFreezeIo } from '../../root/freeze-ioctl.ts'
import { addHistory, type HistoryEntry } from '../../root/history.ts'
import { type LoaderAccess, openLoader } from '../../root/loader/access.ts'
import { readRootKeys } from '../../root/manifest/signature.ts'
import { dropManifests, keepManifest } from '../../root/manifests.ts'
import { type ImageNames, imageNames, OWN_FOLDER } from '../../root/names.ts'
import { findFiles } from '../../root/observe/files.ts'
import { type Asked, observe } from '../../root/observe/observe.ts'
import { type RootWords, readRootWords } from '../../root/observe/words.ts'
import { createRootPort } from '../../root/port.ts'
import { readRecord } from '../../root/record-file.ts'
import { fileOfLoop, imageOfRoot, type Running, readRunning } from '../../root/running.ts'
import type { Decision, Observed } from '../../root/schema.ts'
import { finishSidecars } from '../../root/sidecars.ts'
import { takeLock, waitForLock } from '../../runtime/lock.ts'
import { ownProgram } from '../../system/worker.ts'
import { type CliContext, printLine } from '../context.ts'
import { readCommandLine } from '../kernel.ts'
import { checkEsp, checkFolder, checkWritable, findMounted, isSameFolder, noHostpart } from './place.ts'

export interface SessionFlags {
  hostpart: string | undefined
  esp: string | undefined
}

/** A hostpart that is worked on. */
export interface Session extends Disposable {
  hostpart: string
  names: ImageNames
  words: RootWords
  /** What the initramfs of this host told; undefined for another host's hostpart. */
  running: Running | undefined
  /** File of the image that is the root of this system; undefined for another host's hostpart, and where it is no image. */
  image: string | undefined
  /** Whether it is the hostpart that this host was booted from: what the kernel and the boot loader say counts for it. */
  own: boolean
  /** Whether a reboot may follow: never where a folder was named. */
  reboots: boolean
  loader: LoaderAccess
  /** Whether a boot loader counts the boots of what is here, as far as was found. */
  counts(): boolean
  say(level: 'info' | 'warning' | 'error', text: string): void
  observe(asked: Asked): Promise<Observed>
  /**
   * From now on, until it or the session is disposed of, no other speediso changes this hostpart; before it is looked at.
   * With `wait` it waits for one that does until that is aborted. @throws LockedError, an InputError, when one does
   */
  lock(wait?: AbortSignal): Promise<Disposable>
  /** From now on no other speediso brings an image to this hostpart; it may change it otherwise. @throws LockedError */
  lockDelivery(): Promise<void>
  /** Decides, and does it unless `plan`. */
  act(observed: Observed, plan: boolean, onAct?: (act: Act) => void): Promise<Decision>
  /** Adds to the history what was not decided by `act`. */
  note(entry: Omit<HistoryEntry, 'time'>): Promise<void>
}

/** Of those who change hostpart, and of those who bring an image there, which takes long. */
const LOCKS = {
  changes: { own: '/run/speediso/root.lock', other: 'lock' },
  delivery: { own: '/run/speediso/root-stage.lock', other: 'stage.lock' },
}

/**
 * @param use in the initramfs, of the hostpart of this host only, or of any folder
 * @throws InputError when there is no hostpart
 */
export async function openSession(
  flags: SessionFlags,
  ctx: CliContext,
  use: 'boot' | 'own' | 'any' = 'any',
): Promise<Session> {
  const boot = use === 'boot'
  const { root, exec, signal, clock } = ctx
  const told = boot ? undefined : await readRunning(root)
  const mounted = boot ? undefined : (told?.hostpart ?? (await findMounted(ctx)))
  const hostpart = resolve(flags.hostpart ?? mounted ?? noHostpart(use === 'any'))
  await checkFolder(hostpart)
  const own = boot || flags.hostpart === undefined || (await isSameFolder(hostpart, mounted))
  const running = own ? told : undefined
  // What the kernel was told is of the host that runs, and says nothing of another one's hostpart.
  const words = readRootWords(own ? await readCommandLine(root) : '')
  const names = imageNames(running?.realRoot ?? words.realRoot)
  const say: Session['say'] = (level, text) =>
    printLine(ctx.stderr, level === 'info' ? text : `${level}: ${text}`)
  for (const problem of words.problems) say('warning', problem)
  // Hostpart is looked at more than once, and says the same each time.
  const seen = new Set<string>()
  const sayOnce: Session['say'] = (level, text) => {
    if (!seen.has(text)) say(level, text)
    seen.add(text)
  }
  const folder = '/run'
  if (flags.esp !== undefined) await checkEsp(flags.esp, { exec, signal, temporaryDir: folder })
  // GRUB was there a moment ago, and a controller may take its time.
  const patience = boot && words.loaderTold ? 10 : 0
  const loader = openLoader(flags.esp ?? words.loader, { exec, signal, temporaryDir: folder, patience, say })
  const keys = await readRootKeys(root)
  // On a mere folder nobody boots; its boot loader is only touched when it is named.
  const counts = own || flags.esp !== undefined
  const taken = new DisposableStack()
  const lock = async (which: keyof typeof LOCKS, wait?: AbortSignal) => {
    const path = own ? root.path(LOCKS[which].own) : join(hostpart, OWN_FOLDER, LOCKS[which].other)
    if (!own) await checkWritable(hostpart)
    await mkdir(dirname(path), { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      // A full hostpart is reverted all the same.
      if (error.code !== 'ENOSPC') throw error
    })
    const hint = 'wait until it has ended'
    const lock = taken.use(
      await (wait === undefined
        ? takeLock(path, hint)
        : waitForLock(path, AbortSignal.any([wait, signal]), hint)),
    )
    signal.throwIfAborted()
    return lock
  }
  const elsewhere = async (device: string) => {
    const { files } = await findFiles(hostpart, names)
    return fileOfLoop(device, Object.values(files), exec, signal)
  }
  return {
    ...{ hostpart, names, words, running, own, loader, say },
    reboots: flags.hostpart === undefined,
    counts: () => counts && !loader.missing,
    // What is mounted as the root counts: what was meant to be may not have been.
    image: own && !boot ? ((await imageOfRoot(root, elsewhere)) ?? running?.image) : undefined,
    observe: (asked) =>
      observe(asked, { exec, signal, clock, hostpart, names, words, keys, folder, say: sayOnce }),
    lock: (wait) => lock('changes', wait),
    async lockDelivery() {
      await lock('delivery')
    },
    [Symbol.dispose]: () => taken.dispose(),
    async act(observed, plan, onAct) {
      const decision = decide(observed)
      const tell = () => {
        for (const { level, text } of decision.messages) if (!plan || level !== 'info') say(level, text)
      }
      // What would be done stands in the plan; what speaks against it does not.
      if (plan) {
        tell()
        return decision
      }
      await finishSidecars(hostpart, names, observed.record).catch((error: unknown) =>
        say('warning', `a manifest without its image stays where it is: ${explainInLine(error)}`),
      )
      if (decision.actions.length === 0) {
        tell()
        return decision
      }
      const { candidate } = observed
      if (candidate?.accepted === true && candidate.image.sha256 !== undefined) {
        await keepManifest(hostpart, names.new, candidate.image.sha256).catch((error: unknown) =>
          say('warning', `its manifest could not be kept: ${explainInLine(error)}`),
        )
      }
      const io = await loadFreezeIo()
      const startGuard = createStartThawGuard(ownProgram())
      const port = createRootPort({
        ...{ hostpart, names, say },
        settle: (dir) => settle(dir, { io, startGuard, signal }),
        writeLoader: counts ? (trial) => loader.write(trial) : undefined,
      })
      await apply(decision.actions, names, port, onAct).catch(async (error: unknown) => {
        await checkWritable(hostpart, error)
        throw error
      })
      tell()
      await remember(decision, observed, hostpart, say)
      return decision
    },
    note: (entry) => writeHistory(hostpart, { time: new Date(clock.now()).toISOString(), ...entry }, say),
  }
}

/** What only helps people must not undo what has been done. */
async function remember(
  decision: Decision,
  observed: Observed,
  hostpart: string,
  say: Session['say'],
): Promise<void> {
  const record = await readRecord(hostpart).catch((error: unknown) => {
    say('warning', `what is remembered could not be read again: ${explainInLine(error)}`)
    return undefined
  })
  if (record !== undefined) {
    await dropManifests(hostpart, record).catch((error: unknown) =>
      say('warning', `manifests of images that are gone could not be removed: ${explainInLine(error)}`),
    )
  }
  if (decision.messages.length === 0) return
  const facts = record?.images[decision.boot?.image ?? record.trial?.image ?? record.confirmed ?? '']
  const entry = {
    ...{ time: observed.time, occasion: observed.occasion, outcome: decision.outcome },
    ...(facts?.version === undefined ? {} : { version: facts.version }),
    ...(facts?.sha256 === undefined ? {} : { sha256: facts.sha256 }),
    messages: decision.messages.map(({ text }) => text),
  }
  await writeHistory(hostpart, entry, say)
}

async function writeHistory(hostpart: string, entry: HistoryEntry, say: Session['say']): Promise<void> {
  await addHistory(hostpart, entry).catch((error: unknown) =>
    say('warning', `the history could not be written: ${explainInLine(error)}`),
  )
}

/** What a request of the running system rests on. */
export async function askedAtRunTime(session: Session, occasion: Asked['occasion']): Promise<Asked> {
  const loader = session.counts() ? await session.loader.read() : undefined
  return {
    occasion,
    ...(session.image === undefined ? {} : { running: session.image }),
    ...(loader === undefined ? {} : { loader }),
  }
}
