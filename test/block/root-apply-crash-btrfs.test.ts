import { test } from 'uvu'
import { applyCrashTests } from './helpers/apply-crash-tests.ts'
import { DEFAULT_CUTS } from './helpers/write-log/cuts.ts'
import { BTRFS } from './helpers/write-log/record.ts'

// It writes more, and mounts more slowly: fewer samples of what lies between two flushes.
applyCrashTests(BTRFS, { ...DEFAULT_CUTS, everySubsetUpTo: 5, sampled: 4 })

test.run()
