import { registerHooks } from 'node:module'

// Imported before a program, it says at the end which packages of node_modules were loaded: `modules: ws yargs`.
const packages = new Set<string>()
registerHooks({
  load(url, context, next) {
    const name = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
    if (name !== undefined) packages.add(name)
    return next(url, context)
  },
})
process.on('exit', () => process.stderr.write(`modules: ${[...packages].sort().join(' ')}\n`))
