import { test } from 'uvu'
import { applyCrashTests } from './helpers/apply-crash-tests.ts'
import { EXT4 } from './helpers/write-log/record.ts'

applyCrashTests(EXT4)

test.run()
