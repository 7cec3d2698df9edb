import { test } from 'uvu'
import { crashTests } from './helpers/crash-tests.ts'
import { EXT4 } from './helpers/write-log/record.ts'

// GRUB reads its journal never: what it finds is what has been checkpointed.
await crashTests(EXT4, { gap: ['grub', 'kernel'], emptied: true })

test.run()
