import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { explainInLine, InputError } from '../../errors.ts'
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
import { type Asked, observe } from '../../root/observe/observe.ts'
import { type RootWords, readRootWords } from '../../root/observe/words.ts'
import { createRootPort } from '../../root/port.ts'
import { readRecord } from '../../root/record-file.ts'
import { imageOfRoot, type Running, readRunning } from '../../root/running.ts'
import type { Decision, Observed } from '../../root/schema.ts'
import { finishSidecars } from '../../root/sidecars.ts'
import { takeLock, waitForLock } from '../../runtime/lock.ts'
import { ownProgram } from '../../system/worker.ts'
import { type CliContext, printLine } from '../context.ts'
import { readCommandLine } from '../kernel.ts'

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

/** Where the initramfs mounts it, and where the instructions of old have it. */
const PLACES = ['/run/hostpart', '/hostpart'] as const

/** @throws InputError when there is no hostpart */
export async function openSession(flags: SessionFlags, ctx: CliContext, boot = false): Promise<Session> {
  const { root, exec, signal, clock } = ctx
  const told = boot ? undefined : await readRunning(root)
  const mounted = boot ? undefined : (told?.hostpart ?? (await findMounted(ctx)))
  const hostpart = resolve(flags.hostpart ?? mounted ?? noHostpart())
  await checkFolder(hostpart)
  const own = boot || flags.hostpart === undefined || (await isSameFolder(hostpart, mounted))
  const running = own ? told : undefined
  // What the kernel was told is of the host that runs, and says nothing of another one's hostpart.
  const words = readRootWords(own ? await readCommandLine(root) : '')
  const names = imageNames(running?.realRoot ?? words.realRoot)
  const say: Session['say'] = (level, text) =>
    printLine(ctx.stderr, level === 'info' ? text : `${level}: ${text}`)
  for (const problem of words.problems) say('warning', problem)
  const folder = '/run'
  if (flags.esp !== undefined) await checkEsp(flags.esp)
  const loader = openLoader(flags.esp ?? words.loader, { exec, signal, temporaryDir: folder, say })
  const keys = await readRootKeys(root)
  // On a mere folder nobody boots; its boot loader is only touched when it is named.
  const counts = own || flags.esp !== undefined
  const taken = new DisposableStack()
  const lock = async (which: keyof typeof LOCKS, wait?: AbortSignal) => {
    const path = own ? root.path(LOCKS[which].own) : join(hostpart, OWN_FOLDER, LOCKS[which].other)
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
  return {
    ...{ hostpart, names, words, running, own, loader, say },
    reboots: flags.hostpart === undefined,
    counts: () => counts && !loader.missing,
    // What is mounted as the root counts: what was meant to be may not have been.
    image: own && !boot ? ((await imageOfRoot(root)) ?? running?.image) : undefined,
    observe: (asked) => observe(asked, { exec, signal, clock, hostpart, names, words, keys, folder, say }),
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
      await apply(decision.actions, names, port, onAct)
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

async function findMounted({ root }: CliContext): Promise<string | undefined> {
  const mounts = (await root.readText('/proc/self/mounts')) ?? ''
  const targets = new Set(mounts.split('\n').map((line) => line.split(' ')[1]))
  return PLACES.find((place) => targets.has(place))
}

function noHostpart(): never {
  throw new InputError('no hostpart is mounted here', {
    hint: `it would be at ${PLACES.join(' or ')}; --hostpart DIR works on any folder`,
  })
}

/** The same folder of the same filesystem, however it is named or mounted. */
export async function isSameFolder(one: string, other: string | undefined): Promise<boolean> {
  if (other === undefined) return false
  const [a, b] = await Promise.all([one, other].map((path) => stat(path).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

async function checkFolder(hostpart: string): Promise<void> {
  const found = await stat(hostpart).catch(() => undefined)
  if (found?.isDirectory() === true) return
  throw new InputError(`--hostpart ${hostpart}: is no folder`, {
    hint: 'name the folder where hostpart is mounted',
  })
}

/** @throws InputError for a path that leads nowhere; whether a partition is there comes out when it is looked for */
async function checkEsp(esp: string): Promise<void> {
  if (/^(LABEL|UUID)=/.test(esp) || (await stat(esp).catch(() => undefined)) !== undefined) return
  throw new InputError(`--esp ${esp}: there is no such folder or device`, {
    hint: 'name where the boot partition is mounted, its device, or LABEL=… or UUID=…',
  })
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
