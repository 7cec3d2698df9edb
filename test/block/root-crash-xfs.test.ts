import { test } from 'uvu'
import { crashTests } from './helpers/crash-tests.ts'
import { XFS } from './helpers/write-log/record.ts'

// Nothing of a swap leaves its log by itself so soon: GRUB finds neither the gap nor the swap.
await crashTests(XFS, { gap: ['kernel'], emptied: false })

test.run()
