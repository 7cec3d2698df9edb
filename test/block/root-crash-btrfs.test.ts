import { test } from 'uvu'
import { crashTests } from './helpers/crash-tests.ts'
import { BTRFS } from './helpers/write-log/record.ts'

// Each commit is a new tree for both readers, fsync a log tree that GRUB does not replay.
await crashTests(BTRFS, { gap: ['grub', 'kernel'], emptied: false })

test.run()
