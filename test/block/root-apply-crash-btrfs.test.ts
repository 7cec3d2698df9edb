import { test } from 'uvu'
import { applyCrashTests } from './helpers/apply-crash-tests.ts'
import { BTRFS } from './helpers/write-log/record.ts'

applyCrashTests(BTRFS)

test.run()
