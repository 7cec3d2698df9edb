import { versionText } from './version.ts'

const args = process.argv.slice(2)
// Before anything else is loaded: asking for the version is what scripts do most.
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${versionText()}\n`)
} else {
  // No top-level await: the executable's bundle is a CommonJS module, which starts faster.
  void import('./cli/main.ts').then(({ main }) => main(args))
}
