import { runThawGuard } from '../../../src/root/freeze-guard.ts'

// The guard as a program of its own: `node thaw-guard.ts --thaw-guard MILLISECONDS`.
await runThawGuard(Number(process.argv[3]))
