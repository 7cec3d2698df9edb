import { type Command, JSON_FLAG, text } from '../command.ts'
import { ESP_FLAG, HOSTPART_FLAG } from './flags.ts'
import { SEAL_FLAGS } from './seal-flags.ts'

const PLAN_FLAG = {
  type: 'boolean',
  default: false,
  describe: 'tell what would be done; changes nothing',
} as const
const REBOOT_FLAG = { type: 'boolean', default: false, describe: 'reboot into it at once' } as const
const PLACE = { hostpart: HOSTPART_FLAG, esp: ESP_FLAG }

type Flags = Readonly<Record<string, unknown>>
const place = (flags: Flags) => ({ hostpart: text(flags.hostpart), esp: text(flags.esp) })
const is = (flags: Flags, name: string) => flags[name] === true

/** `speediso root …`. What a command does is loaded when it is called. */
export const rootCommands: Readonly<Record<string, Command>> = {
  status: {
    summary: 'which images there are, which one runs, and how it stands with the current one',
    example: 'speediso root status',
    flags: { ...PLACE, json: JSON_FLAG },
    run: async (flags, ctx) =>
      (await import('./status.ts')).run({ ...place(flags), json: is(flags, 'json') }, ctx),
  },
  stage: {
    summary: 'bring an image to hostpart, prove it, and make it the current one',
    example: 'speediso root stage https://images.example/hn-root-42.img --reboot',
    word: ['source', 'a file, or an http(s) URL; its manifest lies beside it as SOURCE.json'],
    flags: {
      ...PLACE,
      plan: PLAN_FLAG,
      'allow-downgrade': {
        type: 'boolean',
        default: false,
        describe: 'take a signed image that is older than the one confirmed last',
      },
      reboot: REBOOT_FLAG,
      json: JSON_FLAG,
    },
    run: async (flags, ctx) =>
      (await import('./stage.ts')).run(
        {
          ...place(flags),
          source: text(flags.source),
          allowDowngrade: is(flags, 'allow-downgrade'),
          ...{ plan: is(flags, 'plan'), reboot: is(flags, 'reboot'), json: is(flags, 'json') },
        },
        ctx,
      ),
  },
  confirm: {
    summary: 'end the trial of the image that runs, once its health checks pass',
    example: 'speediso root confirm',
    flags: {
      hostpart: { ...HOSTPART_FLAG, describe: 'not for this command: it speaks of the image that runs' },
      esp: ESP_FLAG,
      wait: {
        type: 'boolean',
        default: false,
        describe: 'until they pass; past the deadline go back and reboot',
      },
      force: { type: 'boolean', default: false, describe: 'without asking the health checks' },
      json: JSON_FLAG,
    },
    run: async (flags, ctx) =>
      (await import('./confirm.ts')).run(
        { ...place(flags), wait: is(flags, 'wait'), force: is(flags, 'force'), json: is(flags, 'json') },
        ctx,
      ),
  },
  revert: {
    summary: 'make the old image the current one again',
    example: 'speediso root revert --reboot',
    flags: { ...PLACE, plan: PLAN_FLAG, reboot: REBOOT_FLAG, json: JSON_FLAG },
    run: async (flags, ctx) =>
      (await import('./revert.ts')).run(
        { ...place(flags), plan: is(flags, 'plan'), reboot: is(flags, 'reboot'), json: is(flags, 'json') },
        ctx,
      ),
  },
  history: {
    summary: 'what has become of the root images of this host',
    example: 'speediso root history',
    flags: { ...PLACE, json: JSON_FLAG },
    run: async (flags, ctx) =>
      (await import('./history.ts')).run({ ...place(flags), json: is(flags, 'json') }, ctx),
  },
  switch: {
    summary: 'what the initramfs does with the images of hostpart: update, revert, go back',
    example: 'speediso root switch --hostpart /mnt --plan',
    flags: {
      ...PLACE,
      plan: PLAN_FLAG,
      boot: { type: 'boolean', default: false, describe: 'this is the initramfs, and the answer is booted' },
      answer: { type: 'string', describe: 'file for the answer, as shell assignments' },
      json: JSON_FLAG,
    },
    run: async (flags, ctx) =>
      (await import('./switch.ts')).run(
        {
          ...place(flags),
          answer: text(flags.answer),
          ...{ plan: is(flags, 'plan'), boot: is(flags, 'boot'), json: is(flags, 'json') },
        },
        ctx,
      ),
  },
  seal: {
    summary: 'strip an image of everything that belongs to one host',
    example: 'speediso root seal hn-root-new.img --manifest',
    word: ['image', 'a root image, or a folder where one is mounted'],
    flags: SEAL_FLAGS,
    run: async (flags, ctx) => (await import('./seal.ts')).run(text(flags.image), flags, ctx),
  },
  'install-loader': {
    summary: 'install the GRUB that boots root images, and counts the boots of a trial',
    example: 'speediso root install-loader --esp /boot/loader --hostpart-uuid UUID --disk /dev/sda',
    flags: {
      esp: { type: 'string', describe: 'folder where the boot partition is mounted' },
      'hostpart-uuid': { type: 'string', describe: "UUID of hostpart's filesystem" },
      'real-root': {
        type: 'string',
        describe: 'path of the current image on hostpart (default /hn-root.img)',
      },
      disk: { type: 'string', describe: 'the disk that the BIOS boots' },
      append: { type: 'string', describe: 'kernel arguments of this host' },
      console: {
        type: 'string',
        describe: 'consoles of GRUB and of the kernel, such as "tty0 ttyS0,115200"',
      },
      timeout: { type: 'string', describe: 'seconds that the menu waits (default 3)' },
      target: {
        type: 'string',
        describe: 'i386-pc, x86_64-efi or both (default: as this machine was booted)',
      },
      'rescue-kernel': { type: 'string', describe: 'kernel of the rescue system' },
      'rescue-initramfs': { type: 'string', describe: 'initramfs of the rescue system' },
      plan: PLAN_FLAG,
      json: JSON_FLAG,
    },
    run: async (flags, ctx) =>
      (await import('./install-loader.ts')).run(
        {
          ...{
            esp: text(flags.esp),
            hostpartUuid: text(flags['hostpart-uuid']),
            realRoot: text(flags['real-root']),
          },
          ...{ disk: text(flags.disk), append: text(flags.append), console: text(flags.console) },
          ...{ timeout: text(flags.timeout), target: text(flags.target) },
          ...{ rescueKernel: text(flags['rescue-kernel']), rescueInitramfs: text(flags['rescue-initramfs']) },
          ...{ plan: is(flags, 'plan'), json: is(flags, 'json') },
        },
        ctx,
      ),
  },
}
