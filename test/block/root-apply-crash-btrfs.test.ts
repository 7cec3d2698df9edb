import { test } from 'uvu'
import { applyCrashTests } from './helpers/apply-crash-tests.ts'
import { DEFAULT_CUTS } from './helpers/write-log/cuts.ts'
import { BTRFS } from './helpers/write-log/record.ts'

// It writes much more, and mounts more slowly: each state that its log has, and no subsets of them.
applyCrashTests(BTRFS, { ...DEFAULT_CUTS, subsets: false })

test.run()
